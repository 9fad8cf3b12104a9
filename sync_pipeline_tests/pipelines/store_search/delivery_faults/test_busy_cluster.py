"""A search cluster that is busy, slow or away for a while: all is delivered in the end, and no record is blamed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.pipelines.store_search.runtime import StoreSearch
from sync_pipeline.pipelines.store_search.types import IMPORTS
from sync_pipeline_tests.bulk_harms import items_refused
from sync_pipeline_tests.clocks import HurriedClock
from sync_pipeline_tests.fault_proxy import FaultProxy, Harm, cut_after, cut_before, refused, slow, truncated
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.delivery_faults.faulty_search import (
    PRODUCTS,
    check_whole,
    failure,
    in_cluster,
)
from sync_pipeline_tests.pipelines.store_search.imports.odd_records import dead_letters

pytestmark = [pytest.mark.chaos, pytest.mark.real_elasticsearch]

#: Long enough for the slowest honest answer, short enough to wait for.
TIMEOUT = 2.0

#: Every kind of call by which an import changes the cluster.
WRITES = {
    "create": {"method": "PUT", "path": "/store-*-products-" + "?" * 17 + "*"},
    "bulk": {"method": "POST", "path": "*/_bulk*"},
    "settings": {"method": "PUT", "path": "*/_settings*"},
    "refresh": {"method": "POST", "path": "*/_refresh*"},
    "synonyms": {"method": "PUT", "path": "/_synonyms/*"},
    "swap": {"method": "POST", "path": "/_aliases*"},
    "delete": {"method": "DELETE", "path": "/store-*"},
}
#: The calls that only the first batch of a shop makes.
ONLY_FIRST = {"synonyms", "delete"}


class ImpatientSearch(StoreSearch):
    """The pipeline with a search cluster that must answer soon."""

    def cluster(self) -> SearchCluster:
        return SearchCluster(url=str(self.settings.elasticsearch_url), request_timeout=TIMEOUT)


def make_index_without_owner(shop: Shop) -> str:
    """What an attempt that was killed leaves behind; its name."""

    async def make(_: SearchCluster, indices: StoreIndices) -> str:
        name = indices.new_name("products", datetime(2026, 1, 1, tzinfo=UTC))
        await indices.create(name, {"settings": {}, "mappings": {}})
        return name

    return in_cluster(shop, make)


@pytest.mark.invariant("6.2", "6.4", "3.1")
@pytest.mark.parametrize(("status", "error"), [(429, "es_rejected_execution_exception"), (503, "unavailable_shards")])
def test_operations_that_met_a_busy_shard_are_sent_again_and_only_they(
    shop: Shop, faulty: Shop, proxy: FaultProxy, status: int, error: str
):
    shop.run_plain()
    expected = shop.documents()
    busy = ["product-101", "product-105"]
    rule = proxy.inject(items_refused(dict.fromkeys(busy, (status, error))), path=PRODUCTS, count=2)
    batch = faulty.run_plain()
    assert rule.applied == 2
    sent = [
        [key for key in [*busy, "product-102"] if f'"{key}"'.encode() in one.body] for one in proxy.asked(path=PRODUCTS)
    ]
    assert sent == [[*busy, "product-102"], busy, busy]
    check_whole(shop, batch, expected)
    assert dead_letters(shop) == {}


@pytest.mark.invariant("2.1", "3.1", "5.2", "6.2")
@pytest.mark.parametrize(
    "harm",
    [cut_before, cut_after, truncated, refused(503), refused(429)],
    ids=["never arrives", "applied, no answer", "applied, half an answer", "503", "429"],
)
def test_a_call_that_gets_no_answer_is_made_again_whether_it_was_applied_or_not(
    shop: Shop, faulty: Shop, proxy: FaultProxy, harm: Harm
):
    left = make_index_without_owner(shop)
    for batch_number, writes in enumerate((WRITES, WRITES.keys() - ONLY_FIRST), start=1):
        proxy.clear()
        rules = {name: proxy.inject(harm, **WRITES[name]) for name in writes}
        batch = faulty.run_plain()
        assert {name: rule.applied for name, rule in rules.items()} == dict.fromkeys(rules, 1)
        check_whole(shop, batch, documents := shop.documents())
        assert len(documents) == sum(batch.counts[part]["written"] for part in IMPORTS) > 52
        assert left not in shop.indices()
        assert len(shop.indices()) == batch_number * len(IMPORTS), "what is served, and what it replaced"


@pytest.mark.invariant("2.1", "6.2")
def test_answers_that_come_too_late_are_not_waited_for_and_nothing_is_written_twice(
    shop: Shop, faulty: Shop, proxy: FaultProxy, clock: HurriedClock
):
    shop.run_plain()
    expected = shop.documents()
    pipeline = faulty.pipeline
    impatient = replace(faulty, pipeline=ImpatientSearch(pipeline.settings, pipeline.ledger, pipeline.stores, clock))
    rules = [proxy.inject(slow(TIMEOUT * 1.5), **WRITES[name]) for name in ("bulk", "swap")]
    batch = impatient.run_plain()
    assert [rule.applied for rule in rules] == [1, 1]
    check_whole(shop, batch, expected)


@pytest.mark.invariant("6.3")
@pytest.mark.parametrize("asked", [17, None])
def test_the_clusters_own_waiting_time_is_kept(
    shop: Shop, faulty: Shop, proxy: FaultProxy, clock: HurriedClock, asked: int | None
):
    headers = {} if asked is None else {"Retry-After": str(asked)}
    proxy.inject(refused(429, "es_rejected_execution_exception", **headers), path=PRODUCTS)
    assert faulty.run_plain().counts["products"]["written"] == 52
    longest = max(clock.slept)
    assert longest >= 17 if asked else longest < 17


@pytest.mark.invariant("5.4", "6.2", "6.4")
@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (cut_before, "cannot be reached"),
        (items_refused({"product-101": (429, "es_rejected_execution_exception")}), "made up with status 429"),
    ],
    ids=["away", "one operation, 429"],
)
def test_a_cluster_that_stays_away_fails_the_batch_as_unavailable_and_blames_no_record(
    shop: Shop, faulty: Shop, proxy: FaultProxy, harm: Harm, why: str
):
    shop.run_plain()
    expected = shop.documents()
    served = shop.served()
    proxy.inject(harm, path=PRODUCTS, count=None)
    error = failure(faulty)
    assert (error.kind, error.exit_status) == ("destination_unavailable", 3)
    assert "gave up after 8 attempts" in str(error)
    assert why in str(error)
    assert {name for name in served if "-products-" in name} <= shop.served()
    assert shop.documents() == expected
    assert dead_letters(shop) == {}
    proxy.clear()
    check_whole(shop, faulty.run_plain(), expected)
