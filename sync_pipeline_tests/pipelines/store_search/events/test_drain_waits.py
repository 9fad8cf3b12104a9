"""A drain whose search cluster goes away waits for it, and for no longer than it should."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.delivery.books import balances
from sync_pipeline.errors import ServiceUnavailableError
from sync_pipeline.pipelines.store_search.events import drain as draining
from sync_pipeline_tests.chaos.relay import Relay, address_of, running_relay
from sync_pipeline_tests.clocks import HurriedClock
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.events.told_events import drain, states, tell_product
from sync_pipeline_tests.pipelines.store_search.imports.odd_records import dead_letters


@pytest.fixture
def relayed(indexed: Shop, elasticsearch_url: str) -> Iterator[tuple[Shop, Relay]]:
    """The shop with a search cluster that may be away, and a clock that waits for nothing."""
    with running_relay(address_of(elasticsearch_url)) as relay:
        settings = indexed.pipeline.settings.model_copy(update={"elasticsearch_url": f"http://127.0.0.1:{relay.port}"})
        yield replace(indexed, pipeline=replace(indexed.pipeline, settings=settings, clock=HurriedClock())), relay


@pytest.mark.invariant("1.3", "3.1", "6.4")
def test_a_drain_waits_for_a_search_cluster_that_is_away(relayed: tuple[Shop, Relay], monkeypatch: pytest.MonkeyPatch):
    shop, relay = relayed
    shop.sandbox.admin.update(shop.hash, "products", 101, {"name": "Written later"})
    numbers = [tell_product(shop, 101), tell_product(shop, 104)]
    check, write = SearchCluster.check, BulkIndex.write
    looks = []

    async def leave_and_write(index: BulkIndex, operations: Any) -> Any:
        monkeypatch.setattr(BulkIndex, "write", write)
        relay.go_away()
        return await index.write(operations)

    async def look(cluster: SearchCluster) -> Any:
        looks.append(cluster)
        if len(looks) == 4:
            relay.come_back()
        return await check(cluster)

    monkeypatch.setattr(BulkIndex, "write", leave_and_write)
    monkeypatch.setattr(SearchCluster, "check", look)
    stats = drain(shop).counts["events"]
    shop.refresh()
    assert len(looks) == 4
    assert states(shop) == dict.fromkeys(numbers, "done")
    assert balances(stats)
    assert (stats["events_received"], stats["read"], stats["written"], stats["unchanged"]) == (2, 2, 1, 1)
    assert shop.documents()["product-101"]["name"] == "Written later"
    assert dead_letters(shop) == {}


def test_a_drain_does_not_wait_for_ever(relayed: tuple[Shop, Relay]):
    shop, relay = relayed
    number = tell_product(shop, 101)
    relay.go_away()
    clock = shop.pipeline.clock
    began = clock.monotonic()
    with pytest.raises(ServiceUnavailableError, match="Elasticsearch"):
        drain(shop)
    # What the calls themselves take counts for its patience, too.
    assert clock.monotonic() - began >= draining.PATIENCE
    assert clock.ahead < draining.PATIENCE + 10  # pyright: ignore
    assert states(shop) == {number: "waiting"}
