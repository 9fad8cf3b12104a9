"""Synonyms at work: what a change does to searches, and what it does not touch."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sync_pipeline.connectors.elasticsearch.synonyms import MAX_RULES
from sync_pipeline.pipelines.store_search.types import BatchType, Part
from sync_pipeline.pipelines.store_search.words.edits import MAX_STOP_WORDS
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.words.words_at_work import analysed, searching, step, versions, written
from sync_pipeline_tests.waiting import wait_for


@pytest.mark.real_elasticsearch
def test_a_synonym_works_within_two_seconds_while_searches_go_on(shop: Shop, record_property: Any):
    shop.run_plain()
    indices, before, untouched = shop.indices(), shop.search("telly", size=50), versions(shop)
    shop.sandbox.admin.reset_counters(shop.hash)
    with searching(shop, "television"):
        shop.pipeline.stores.add_synonym_rules(shop.hash, ["telly => television"])
        started = time.monotonic()
        assert step(shop, Part.SYNONYMS) == {"rules": 1}
        wait_for(lambda: len(shop.search("telly", size=50)) > len(before), what="more hits", seconds=2)
        seconds = time.monotonic() - started
    record_property("seconds_until_a_synonym_works", round(seconds, 3))
    assert seconds < 2
    assert "product-125" in shop.search("telly", size=50)
    assert (shop.indices(), versions(shop)) == (indices, untouched)
    assert shop.sandbox.admin.counters(shop.hash).total() == 0
    assert written(shop, "synonyms.txt") == ["telly => television"]


@pytest.mark.real_elasticsearch
def test_rules_that_go_round_in_a_circle_leave_searches_finding(shop: Shop):
    shop.run_plain()
    found = {query: set(shop.search(query, size=50)) for query in ("kettle", "lantern")}
    shop.pipeline.stores.add_synonym_rules(shop.hash, ["kettle => lantern", "lantern => kettle", "sofa => sofa"])
    step(shop, Part.SYNONYMS)
    assert analysed(shop, "kettle lantern sofa") == ["lantern", "kettl", "sofa"]
    assert found["lantern"] <= set(shop.search("kettle", size=50))
    assert found["kettle"] <= set(shop.search("lantern", size=50))


@pytest.mark.real_elasticsearch
def test_a_batch_of_synonyms_goes_through_dagster(shop: Shop):
    shop.pipeline.stores.add_synonym_rules(shop.hash, ["telly => television"])
    batch, result = shop.run(BatchType.SYNONYMS)
    assert result.success
    assert batch.counts["synonyms"] == {"rules": 1}


@pytest.mark.real_elasticsearch
def test_as_many_words_and_rules_as_there_may_be_work(shop: Shop):
    stores = shop.pipeline.stores
    stores.add_synonym_rules(shop.hash, [f"word{number}, other{number}" for number in range(MAX_RULES)])
    assert step(shop, Part.SYNONYMS) == {"rules": MAX_RULES}
    assert shop.run_plain().status == "completed"
    stores.add_stop_words(shop.hash, [f"noise{number}" for number in range(MAX_STOP_WORDS)])
    assert len(step(shop, Part.STOP_WORDS)["reindexed"]) == 3
    assert set(analysed(shop, "noise1 word9999 noise9999")) == {"word9999", "other9999"}
    assert shop.search("noise1 sofa")
