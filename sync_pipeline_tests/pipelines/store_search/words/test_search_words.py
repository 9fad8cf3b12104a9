"""Stop words at work: what a change does to searches, and what it does not touch."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.reindex import Reindexed, reindex
from sync_pipeline.operations import Action, Operation
from sync_pipeline.pipelines.store_search.index.build import IndexCheckError
from sync_pipeline.pipelines.store_search.index.definition import MAPPING_VERSION
from sync_pipeline.pipelines.store_search.types import BatchType, Part
from sync_pipeline.pipelines.store_search.words import apply as search_words
from sync_pipeline_tests.connectors.elasticsearch.stores import forgets_deletes, new_index, own_store, upsert
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.words.words_at_work import (
    analysed,
    delete,
    searching,
    step,
    versions,
    written,
)


@pytest.mark.invariant("5.1")
@pytest.mark.real_elasticsearch
def test_a_stop_word_is_applied_while_searches_go_on_without_a_call_to_bigcommerce(shop: Shop):
    shop.run()
    indices, documents = shop.served(), shop.documents()
    shop.sandbox.admin.reset_counters(shop.hash)
    found = shop.search("kettle lantern", size=50)
    shop.pipeline.stores.add_stop_words(shop.hash, ["kettle"])
    with searching(shop, "kettle lantern"):
        batch, result = shop.run(BatchType.STOP_WORDS)
    assert result.success
    stats = batch.counts["stop_words"]
    assert stats["reindexed"].keys() == {"products", "categories", "blog"}
    assert stats["own"] == 1
    assert shop.sandbox.admin.counters(shop.hash).total() == 0
    assert not indices & shop.served()
    assert shop.documents() == documents
    assert found[0] != shop.search("kettle lantern")[0] == shop.search("lantern")[0]
    assert analysed(shop, "a kettle lantern") == ["lantern"]
    assert "kettle" in written(shop, "stop_words.txt")
    assert "the" in written(shop, "stop_words.txt")


@pytest.mark.real_elasticsearch
def test_stop_words_that_did_not_change_reindex_nothing(shop: Shop):
    shop.run_plain()
    indices = shop.indices()
    assert step(shop, Part.STOP_WORDS)["reindexed"] == {}
    assert shop.indices() == indices


@pytest.mark.invariant("2.8")
@pytest.mark.real_elasticsearch
def test_what_was_deleted_before_stop_words_change_stays_deleted_and_the_rest_keeps_its_version(shop: Shop):
    shop.run_plain()
    deleted, version = "product-125", shop.pipeline.ledger.next_version()
    before = {key: version for key, (version, _) in versions(shop).items()}
    asyncio.run(delete(shop, deleted, version))
    shop.pipeline.stores.add_stop_words(shop.hash, ["kettle"])
    stats = step(shop, Part.STOP_WORDS)
    after = {key: version for key, (version, _) in versions(shop).items()}
    assert before.pop(deleted) < version
    assert after == before
    assert sum(stats["reindexed"].values()) == len(after)


@pytest.mark.invariant("5.3")
@pytest.mark.real_elasticsearch
def test_a_copy_that_lost_a_document_is_not_published_and_the_next_one_is(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.run_plain()
    indices, documents = shop.served(), shop.documents()

    async def then_lose(cluster: SearchCluster, *, source: str, destination: str) -> Reindexed:
        copied = await reindex(cluster, source=source, destination=destination)
        if "-products-" in source:
            await cluster.client.delete(index=destination, id="product-125")
        return copied

    shop.pipeline.stores.add_stop_words(shop.hash, ["kettle"])
    with monkeypatch.context() as meanwhile, pytest.raises(IndexCheckError):
        meanwhile.setattr(search_words, "reindex", then_lose)
        step(shop, Part.STOP_WORDS)
    assert {name for name in indices if "-products-" in name} < shop.served()
    step(shop, Part.STOP_WORDS)
    assert not indices & shop.served()
    assert shop.documents() == documents


@pytest.mark.invariant("2.2")
@pytest.mark.real_elasticsearch
async def test_a_newer_delete_in_the_copy_wins_over_what_is_copied(elasticsearch_url: str):
    async with SearchCluster(url=elasticsearch_url) as cluster, own_store(cluster) as store:
        if await forgets_deletes(cluster):
            pytest.skip("this engine forgets the versions of deleted documents")
        source, copy = BulkIndex(cluster, await new_index(store)), BulkIndex(cluster, await new_index(store))
        await source.write([upsert("a", 5), upsert("b", 5)])
        await copy.write([Operation(key="a", version=6, action=Action.DELETE)])
        done = await reindex(cluster, source=source.index, destination=copy.index, poll=0.05)
        assert (done.created, done.version_conflicts) == (1, 1)
        assert (await copy.get(["a", "b"])).keys() == {"b"}


@pytest.mark.real_elasticsearch
def test_an_index_of_another_mapping_is_left_alone_and_named(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.run_plain()
    indices = shop.indices()
    shop.pipeline.stores.add_stop_words(shop.hash, ["kettle"])
    monkeypatch.setattr(search_words, "MAPPING_VERSION", MAPPING_VERSION + 1)
    stats = step(shop, Part.STOP_WORDS)
    assert stats["reindexed"] == {}
    assert stats["skipped"].keys() == {"products", "categories", "blog"}
    assert f"mapping version {MAPPING_VERSION}, not {MAPPING_VERSION + 1}" in stats["skipped"]["products"]
    assert shop.indices() == indices


@pytest.mark.real_elasticsearch
def test_a_store_without_an_index_takes_words_all_the_same(shop: Shop):
    shop.pipeline.stores.add_stop_words(shop.hash, ["kettle"])
    shop.pipeline.stores.add_synonym_rules(shop.hash, ["telly => television"])
    stats = step(shop, Part.STOP_WORDS)
    assert (stats["own"], stats["reindexed"], stats["skipped"]) == (1, {}, {})
    assert step(shop, Part.SYNONYMS) == {"rules": 1}
    assert shop.indices() == {}
    shop.run_plain()
    assert analysed(shop, "kettle telly") == ["televis"]


@pytest.mark.real_elasticsearch
@pytest.mark.parametrize("language", ["", "tlh"])
def test_a_store_of_no_or_an_unknown_language_has_its_own_stop_words_and_no_stemmer(new_shop: Any, language: str):
    shop = new_shop(language=language)
    shop.pipeline.stores.add_stop_words(shop.hash, ["kettle"])
    shop.run_plain()
    stats = step(shop, Part.STOP_WORDS)
    assert (stats["words"], stats["own"], stats["reindexed"]) == (1, 1, {})
    assert written(shop, "stop_words.txt") == ["kettle"]
    assert analysed(shop, "The kettle lanterns") == ["the", "lanterns"]
    assert shop.search("sofa")


@pytest.mark.real_elasticsearch
def test_a_query_of_stop_words_only_still_finds(shop: Shop):
    shop.run_plain()
    assert shop.search("the")
