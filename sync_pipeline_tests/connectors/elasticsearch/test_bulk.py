"""An index as a destination: versions, refusals and reading back, on an engine."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex, render
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.operations import Action, DestinationError, ItemError, Operation, Outcome, RetryableDestinationError
from sync_pipeline_tests.connectors.elasticsearch.stores import delete, forgets_deletes, new_index, own_store, upsert

pytestmark = pytest.mark.real_elasticsearch


async def versions(bulk: BulkIndex, *keys: str) -> dict[str, int]:
    return {key: document.version for key, document in (await bulk.get(keys)).items()}


async def test_each_operation_has_its_result_in_order(bulk: BulkIndex) -> None:
    assert await bulk.write([upsert("a", 1), upsert("b", 1)]) == [Outcome.WRITTEN, Outcome.WRITTEN]
    results = await bulk.write([delete("a", 2), upsert("b", 2), upsert("c", 2), delete("never-there", 2)])
    assert results == [Outcome.DELETED, Outcome.WRITTEN, Outcome.WRITTEN, Outcome.DELETED]
    assert await versions(bulk, "a", "b", "c", "never-there") == {"b": 2, "c": 2}


async def test_nothing_to_write_is_no_request(bulk: BulkIndex) -> None:
    bulk.index = "store-no-such-index"
    assert await bulk.write([]) == []


@pytest.mark.invariant("2.2", "2.3")
async def test_an_older_write_is_stale_and_changes_nothing(bulk: BulkIndex) -> None:
    await bulk.write([upsert("a", 7, "new")])
    assert await bulk.write([upsert("a", 6, "old"), delete("a", 6)]) == [Outcome.STALE, Outcome.STALE]
    (document,) = (await bulk.get(["a"])).values()
    assert (document.version, document.source["text"]) == (7, "new")


@pytest.mark.invariant("2.1")
async def test_a_write_applied_but_not_acknowledged_is_simply_written_again(bulk: BulkIndex) -> None:
    chunk = [upsert("a", 5), delete("b", 5)]
    assert await bulk.write(chunk) == await bulk.write(chunk) == [Outcome.WRITTEN, Outcome.DELETED]
    assert await versions(bulk, "a", "b") == {"a": 5}


@pytest.mark.invariant("2.2")
async def test_a_late_older_write_does_not_bring_a_deleted_document_back(bulk: BulkIndex) -> None:
    if await forgets_deletes(bulk.cluster):
        pytest.skip("the embedded engine keeps no versions of deleted keys; the ledger's tombstones do")
    await bulk.write([upsert("a", 1), delete("a", 3)])
    assert await bulk.write([upsert("a", 2)]) == [Outcome.STALE]
    assert await versions(bulk, "a") == {}


@pytest.mark.invariant("2.1", "2.2", "2.3")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chunks=st.lists(
        st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9)), min_size=1, max_size=4),
        min_size=1,
        max_size=5,
    )
)
async def test_the_newest_version_wins_in_whatever_order_and_however_often_chunks_come(
    elasticsearch_url: str, chunks: list[list[tuple[str, int]]]
) -> None:
    async with SearchCluster(url=elasticsearch_url) as cluster, own_store(cluster) as indices:
        bulk = BulkIndex(cluster, await new_index(indices))
        newest: dict[str, int] = {}
        for chunk in [*chunks, *reversed(chunks)]:
            results = await bulk.write([upsert(key, version) for key, version in chunk])
            for (key, version), result in zip(chunk, results, strict=True):
                stale = version < newest.get(key, 0)
                assert result is (Outcome.STALE if stale else Outcome.WRITTEN)
                newest[key] = max(version, newest.get(key, 0))
        assert await versions(bulk, *newest) == newest
        stored = await bulk.get(list(newest), ["text"])
        assert {key: document.source["text"] for key, document in stored.items()} == {
            key: f"{key} at {version}" for key, version in newest.items()
        }


@pytest.mark.invariant("6.5")
async def test_a_refused_document_does_not_stop_the_others(bulk: BulkIndex) -> None:
    results = await bulk.write([upsert("a", 1), upsert("b", 1, unknown_field=1), upsert("c", 1)])
    refusal = results[1]
    assert [results[0], results[2]] == [Outcome.WRITTEN, Outcome.WRITTEN]
    assert isinstance(refusal, ItemError)
    assert not refusal.retryable
    assert refusal.reason == "strict_dynamic_mapping_exception"
    assert "unknown_field" in refusal.message
    assert await versions(bulk, "a", "b", "c") == {"a": 1, "c": 1}


async def test_any_key_and_body_arrives_as_it_is(bulk: BulkIndex) -> None:
    keys = ['quote"and\\backslash', "tab\tand\nline", "späße 🎉", "../_bulk?x=1", "{}", "a,b*"]
    texts = ["two\nlines", 'quote"', "\u2028", "🎉", '{"delete":{}}', "\\n"]
    chunk = [upsert(key, 3, text) for key, text in zip(keys, texts, strict=True)]
    assert await bulk.write(chunk) == [Outcome.WRITTEN] * len(keys)
    stored = await bulk.get(keys)
    assert {key: document.source["text"] for key, document in stored.items()} == dict(zip(keys, texts, strict=True))


async def test_line_breaks_between_tokens_of_a_body_do_not_break_the_request(bulk: BulkIndex) -> None:
    body = b'{\n "text": "x",\n "sync": {}\n}\n'
    chunk = [upsert("a", 1), Operation(key="b", version=1, body=body), upsert("c", 1)]
    assert await bulk.write(chunk) == [Outcome.WRITTEN] * 3
    assert await versions(bulk, "a", "b", "c") == {"a": 1, "b": 1, "c": 1}


@given(
    keys=st.lists(st.text(min_size=1), min_size=1, max_size=5),
    text=st.text(),
    version=st.integers(0, 2**63 - 1),
    pretty=st.booleans(),
)
def test_a_request_has_one_line_for_each_action_and_body(
    keys: list[str], text: str, version: int, pretty: bool
) -> None:
    body = json.dumps({"text": text}, indent=1 if pretty else None).encode()
    lines = render(
        [Operation(key=key, version=version, body=body) for key in keys]
        + [Operation(key=key, version=version, action=Action.DELETE) for key in keys]
    ).split(b"\n")
    assert lines.pop() == b""
    parsed = [json.loads(line) for line in lines]
    target = [{"_id": key, "version": version, "version_type": "external_gte"} for key in keys]
    expected = [line for one in target for line in ({"index": one}, {"text": text})]
    assert parsed == [*expected, *({"delete": one} for one in target)]


@pytest.mark.invariant("1.3")
async def test_a_removed_index_is_not_taken_for_written(bulk: BulkIndex, indices: StoreIndices) -> None:
    await bulk.write([upsert("a", 1)])
    await indices.delete(bulk.index)
    for chunk in ([upsert("b", 2)], [upsert("c", 3)], [delete("d", 4)]):
        with pytest.raises(DestinationError, match="does not have this index") as refusal:
            await bulk.write(chunk)
        assert not isinstance(refusal.value, RetryableDestinationError)
    for leftover in await indices.list():
        assert leftover.meta == {}


@pytest.mark.invariant("6.4")
@pytest.mark.parametrize("state", ["closed", "blocked"])
async def test_an_index_that_takes_no_writes_is_not_blamed_on_the_documents(bulk: BulkIndex, state: str) -> None:
    client = bulk.cluster.client
    if state == "closed":
        await client.indices.close(index=bulk.index)
    else:
        await client.indices.put_settings(index=bulk.index, settings={"index.blocks.write": True})
    with pytest.raises(DestinationError) as refusal:
        await bulk.write([upsert("a", 1)])
    assert not isinstance(refusal.value, RetryableDestinationError)


@pytest.mark.invariant("6.4")
async def test_a_full_disk_is_waited_for(bulk: BulkIndex) -> None:
    block = "index.blocks.read_only_allow_delete"
    await bulk.cluster.client.indices.put_settings(index=bulk.index, settings={block: True})
    (result,) = await bulk.write([upsert("a", 1)])
    assert isinstance(result, ItemError)
    assert result.retryable
    assert "flood-stage" in result.message
    await bulk.cluster.client.indices.put_settings(index=bulk.index, settings={block: None})
    assert await bulk.write([upsert("a", 1)]) == [Outcome.WRITTEN]
