"""Synonyms sets: replaced as a whole, checked before, live after."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.synonyms import MAX_RULES, SynonymRuleError, SynonymsSet, rule_problem
from sync_pipeline_tests.connectors.elasticsearch.stores import new_index
from sync_pipeline_tests.connectors.elasticsearch.stub_server import Answer, StubServer


def searching_with(set_id: str) -> dict[str, Any]:
    synonyms = {"type": "synonym_graph", "synonyms_set": set_id, "updateable": True}
    analyzer = {"type": "custom", "tokenizer": "standard", "filter": ["lowercase", "shop"]}
    text = {"type": "text", "analyzer": "standard", "search_analyzer": "searching"}
    return {
        "settings": {"analysis": {"filter": {"shop": synonyms}, "analyzer": {"searching": analyzer}}},
        "mappings": {"properties": {"text": text}},
    }


async def meanings(indices: StoreIndices, index: str, text: str) -> set[str]:
    answer = await indices.cluster.client.indices.analyze(index=index, analyzer="searching", text=text)
    return {token["token"] for token in answer["tokens"]}


async def positions(indices: StoreIndices, index: str, text: str) -> list[tuple[str, int]]:
    answer = await indices.cluster.client.indices.analyze(index=index, analyzer="searching", text=text)
    return [(token["token"], token["position"]) for token in answer["tokens"]]


@pytest.mark.real_elasticsearch
async def test_a_set_is_replaced_as_a_whole(indices: StoreIndices) -> None:
    synonyms = SynonymsSet(indices.cluster, indices.alias)
    assert await synonyms.get() is None
    assert not await synonyms.exists()
    await synonyms.put([])
    assert await synonyms.get() == []
    assert await synonyms.exists()
    await synonyms.put(["phone, mobile", "tv => television", "phone, mobile"])
    assert sorted(await synonyms.get() or ()) == ["phone, mobile", "tv => television"]
    await synonyms.put(["tee, t-shirt"])
    assert await synonyms.get() == ["tee, t-shirt"]
    await synonyms.delete()
    await synonyms.delete()
    assert await synonyms.get() is None


@pytest.mark.real_elasticsearch
async def test_the_largest_set_is_taken_read_whole_and_searched_with(indices: StoreIndices) -> None:
    synonyms = SynonymsSet(indices.cluster, indices.alias)
    await synonyms.put([])
    index = await new_index(indices, body=searching_with(indices.alias))
    rules = sorted(f"word{number}, other{number}" for number in range(MAX_RULES))
    await synonyms.put(rules)
    assert sorted(await synonyms.get() or ()) == rules
    for number in (0, MAX_RULES // 2, MAX_RULES - 1):
        assert await meanings(indices, index, f"word{number}") == {f"word{number}", f"other{number}"}


@pytest.mark.real_elasticsearch
async def test_more_rules_than_servers_take_leave_the_set_as_it_was(indices: StoreIndices) -> None:
    synonyms = SynonymsSet(indices.cluster, indices.alias)
    await synonyms.put(["phone, mobile"])
    with pytest.raises(SynonymRuleError, match="10001 rules are more than a set's 10000"):
        await synonyms.put([f"word{number}, other{number}" for number in range(MAX_RULES + 1)])
    assert await synonyms.get() == ["phone, mobile"]


@pytest.mark.real_elasticsearch
async def test_rules_are_applied_once_so_circles_do_no_harm(indices: StoreIndices) -> None:
    synonyms = SynonymsSet(indices.cluster, indices.alias)
    circles = ["a1 => b1", "b1 => a1", "x => y", "y => z", "z => x", "self => self", "p, q", "q, r", "m => n", "m => o"]
    await synonyms.put(circles)
    index = await new_index(indices, body=searching_with(indices.alias))
    expected = {
        "a1": "b1",
        "b1": "a1",
        "x": "y",
        "y": "z",
        "z": "x",
        "self": "self",
        "p": "p q",
        "q": "p q r",
        "m": "n o",
    }
    found = {word: await meanings(indices, index, word) for word in expected}
    assert found == {word: set(words.split()) for word, words in expected.items()}


@pytest.mark.real_elasticsearch
async def test_an_escaped_comma_is_part_of_its_term_and_an_escaped_backslash_is_not(indices: StoreIndices) -> None:
    synonyms = SynonymsSet(indices.cluster, indices.alias)
    await synonyms.put(["seedee => c\\,d", "gee => back\\\\,slash"])
    index = await new_index(indices, body=searching_with(indices.alias))
    assert await positions(indices, index, "seedee") == [("c", 0), ("d", 1)]
    assert await positions(indices, index, "gee") == [("back", 0), ("slash", 0)]


@pytest.mark.real_elasticsearch
async def test_searches_follow_a_changed_set_at_once(indices: StoreIndices) -> None:
    synonyms = SynonymsSet(indices.cluster, indices.alias)
    await synonyms.put(["phone, mobile"])
    index = await new_index(indices, body=searching_with(indices.alias))
    assert await meanings(indices, index, "phone") == {"phone", "mobile"}
    await synonyms.put(["phone => handset"])
    assert await meanings(indices, index, "phone") == {"handset"}
    await synonyms.put([])
    assert await meanings(indices, index, "phone") == {"phone"}


@pytest.mark.real_elasticsearch
async def test_a_set_in_use_is_not_removed(indices: StoreIndices) -> None:
    synonyms = SynonymsSet(indices.cluster, indices.alias)
    await synonyms.put(["a, b"])
    index = await new_index(indices, body=searching_with(indices.alias))
    with pytest.raises(SearchClusterError, match=index):
        await synonyms.delete()
    assert await synonyms.get() == ["a, b"]


BAD_RULES = [
    *("", "  ", ",", "a,", ",a", "a,,b", "a =>", "=> b", "a => ", "=>", "a => b => c"),
    *(
        "one",
        "a, !!!",
        "!!! => b",
        "b => ...",
        "# a, b",
        "a, b\nc, d",
        "a\r, b",
        "a\u2028, b",
        "a\\=>b, c",
        "a\\,b",
        "=>,",
    ),
]


@pytest.mark.parametrize("rule", BAD_RULES)
def test_a_malformed_rule_is_explained(rule: str) -> None:
    assert rule_problem(rule)


GOOD_RULES = [
    *("phone, mobile", "tv => television", "i-pod, i pod => ipod", "14k, 14 karat", "größe, size", "a\\,b, c"),
    *("鞋, 鞋子", "sea biscuit, sea biscit => seabiscuit", "C++ => cpp", "state of the art => modern"),
]


@pytest.mark.real_elasticsearch
async def test_every_rule_that_passes_is_taken_and_leaves_searches_working(indices: StoreIndices) -> None:
    assert [rule_problem(rule) for rule in GOOD_RULES] == [None] * len(GOOD_RULES)
    synonyms = SynonymsSet(indices.cluster, indices.alias)
    await synonyms.put([])
    index = await new_index(indices, body=searching_with(indices.alias))
    await synonyms.put(GOOD_RULES)
    assert await meanings(indices, index, "mobile") == {"phone", "mobile"}


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=2, max_size=5))
def test_any_list_of_words_is_a_rule(words: list[str]) -> None:
    assert rule_problem(", ".join(words)) is None
    assert rule_problem(f"{words[0]} => {','.join(words[1:])}") is None


@pytest.mark.real_elasticsearch
@pytest.mark.parametrize("rule", ["a =>", "!!! => b", "one"])
async def test_one_malformed_rule_leaves_the_set_as_it_was(indices: StoreIndices, rule: str) -> None:
    synonyms = SynonymsSet(indices.cluster, indices.alias)
    await synonyms.put(["phone, mobile"])
    with pytest.raises(SynonymRuleError) as refusal:
        await synonyms.put(["good, rule", rule])
    assert repr(rule) in str(refusal.value)
    assert await synonyms.get() == ["phone, mobile"]


async def test_a_rule_that_only_the_server_refuses_is_told_in_one_line(
    stub: StubServer, stub_cluster: SearchCluster
) -> None:
    reason = "Validation Failed: 1: Incorrect syntax for [synonyms]: [a => b];"
    error = {"type": "action_request_validation_exception", "reason": reason}
    stub.answer(Answer(400, {"error": {**error, "root_cause": [error]}, "status": 400}))
    with pytest.raises(SearchClusterError, match=r"writing synonyms store-x: .* Incorrect syntax") as refusal:
        await SynonymsSet(stub_cluster, "store-x").put(["a => b"])
    assert "\n" not in str(refusal.value)


async def test_shards_that_keep_the_old_rules_are_an_error(stub: StubServer, stub_cluster: SearchCluster) -> None:
    stub.answer(Answer(body={"result": "updated", "reload_analyzers_details": {"_shards": {"failed": 2}}}))
    with pytest.raises(SearchClusterError, match="2 shards still search with the old ones"):
        await SynonymsSet(stub_cluster, "store-x").put(["a, b"])
