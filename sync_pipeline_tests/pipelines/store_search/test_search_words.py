"""Stop words and synonyms at work: what a change does to searches, and what it does not touch."""

from __future__ import annotations

import pytest

from sync_pipeline.pipelines.store_search.types import BatchType
from sync_pipeline_tests.pipelines.store_search.conftest import Shop

pytestmark = pytest.mark.real_elasticsearch


def test_a_synonym_works_without_touching_the_index(shop: Shop):
    shop.run()
    indices = shop.indices()
    before = shop.search("telly", size=50)
    shop.pipeline.stores.add_synonym_rules(shop.hash, ["telly => television"])
    batch, result = shop.run(BatchType.SYNONYMS)
    assert result.success
    assert batch.counts["synonyms"] == {"rules": 1}
    found = shop.search("telly", size=50)
    assert len(found) > len(before)
    assert "product-125" in found
    assert shop.indices() == indices


def test_a_stop_word_is_applied_by_a_reindex_in_the_cluster_without_bigcommerce(shop: Shop):
    shop.run()
    indices, documents = shop.served(), shop.documents()
    shop.sandbox.admin.reset_counters(shop.hash)
    shop.pipeline.stores.add_stop_words(shop.hash, ["kettle"])
    found = set(shop.search("kettle lantern", size=50))
    batch, result = shop.run(BatchType.STOP_WORDS)
    assert result.success
    assert batch.counts["stop_words"]["reindexed"].keys() == {"products", "categories", "blog"}
    assert shop.sandbox.admin.counters(shop.hash).total() == 0
    assert not indices & shop.served()
    assert shop.documents() == documents
    assert set(shop.search("kettle lantern", size=50)) != found


def test_stop_words_that_did_not_change_reindex_nothing(shop: Shop):
    shop.run()
    indices = shop.indices()
    batch, _ = shop.run(BatchType.STOP_WORDS)
    assert batch.counts["stop_words"]["reindexed"] == {}
    assert shop.indices() == indices


def test_a_query_of_stop_words_only_still_finds(shop: Shop):
    shop.run()
    assert shop.search("the")
