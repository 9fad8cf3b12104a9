"""Indices that take no writes, and full disks: the batch fails until that is mended, searches go on, none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.health import cluster_health
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline_tests.clocks import HurriedClock
from sync_pipeline_tests.connectors.elasticsearch.stores import forgets_deletes
from sync_pipeline_tests.fault_proxy import FaultProxy, before
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.delivery_faults.faulty_search import (
    PRODUCTS,
    check_whole,
    failure,
    in_cluster,
    live_products,
)
from sync_pipeline_tests.pipelines.store_search.imports.odd_records import dead_letters
from sync_pipeline_tests.waiting import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.real_elasticsearch, pytest.mark.usefixtures("small_chunks")]

DISKS = "cluster.routing.allocation.disk"
#: Every disk counts as full that has less than this free, and the cluster looks as often as it may.
ALL_FULL = {
    "cluster.info.update.interval": "10s",
    f"{DISKS}.threshold_enabled": "true",
    **{f"{DISKS}.watermark.{stage}": "1000tb" for stage in ("low", "high", "flood_stage")},
}


class Blocks:
    """Blocks of the newest index of products; ``name`` is the index, once it was blocked."""

    def __init__(self, shop: Shop, block: str) -> None:
        self.name = ""
        self._shop = shop
        self._block = f"index.blocks.{block}"

    def put(self) -> None:
        self.name = [name for name in sorted(self._shop.indices()) if "-products-" in name][-1]
        self._set(blocked=True)

    def lift(self) -> None:
        self._set(blocked=None)

    def _set(self, *, blocked: bool | None) -> None:
        async def put(cluster: SearchCluster, _: StoreIndices) -> None:
            await cluster.client.indices.put_settings(index=self.name, settings={self._block: blocked})

        in_cluster(self._shop, put)


@pytest.mark.invariant("5.1", "5.4", "6.2", "6.4")
@pytest.mark.parametrize(
    ("block", "kind", "status"), [("write", "destination", 1), ("read_only_allow_delete", "destination_unavailable", 3)]
)
@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_an_index_that_takes_no_writes_fails_the_batch_until_it_does(
    shop: Shop, faulty: Shop, proxy: FaultProxy, block: str, kind: str, status: int, mode: str
):
    shop.run_plain()
    before_it = shop.documents()
    shop.sandbox.admin.update(shop.hash, "products", 101, {"price": 4711})
    blocks = Blocks(shop, block)
    proxy.inject(before(blocks.put), path=PRODUCTS)
    error = failure(faulty, mode=mode)
    assert (error.kind, error.exit_status) == (kind, status)
    assert f"index [{blocks.name}] blocked by" in str(error)
    assert shop.documents() == before_it
    assert dead_letters(shop) == {}
    blocks.lift()
    assert faulty.run_plain(mode=mode).status == "completed"
    assert shop.documents()["product-101"]["price"] == 4711


class MendingClock(HurriedClock):
    """Takes no time to wait, but from the third wait on lets nobody go on before there is room on the disk again."""

    def __init__(self, blocks: Blocks) -> None:
        super().__init__()
        self._blocks = blocks
        self._mending = asyncio.Lock()
        self._mended = False

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        async with self._mending:
            if len(self.slept) >= 3 and not self._mended:
                await asyncio.to_thread(self._blocks.lift)
                self._mended = True


@pytest.mark.invariant("3.1", "6.2", "6.4")
@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_a_disk_that_is_full_for_a_while_is_waited_for(shop: Shop, faulty: Shop, proxy: FaultProxy, mode: str):
    shop.run_plain()
    for product in shop.ids("products"):
        shop.sandbox.admin.update(shop.hash, "products", product, {"description": "<p>new</p>"})
    blocks = Blocks(shop, "read_only_allow_delete")
    proxy.inject(before(blocks.put), path=PRODUCTS, after=1)
    patient = replace(faulty, pipeline=replace(faulty.pipeline, clock=MendingClock(blocks)))
    batch = patient.run_plain(mode=mode)
    assert blocks.name == live_products(shop)
    assert batch.counts["products"]["written"] == 52
    assert dead_letters(shop) == {}
    expected = shop.documents()
    check_whole(shop, shop.run_plain(), expected)


@contextmanager
def full_disks(shop: Shop) -> Iterator[None]:
    """All disks of the cluster count as full until the end of the block, when its own settings are back."""

    async def own(cluster: SearchCluster, _: StoreIndices) -> dict[str, str | None]:
        found = await cluster.client.cluster.get_settings(flat_settings=True)
        return {name: found["persistent"].get(name) for name in ALL_FULL}

    def put(settings: dict[str, str | None]) -> None:
        in_cluster(shop, lambda cluster, _: cluster.client.cluster.put_settings(persistent=settings))

    before_it = in_cluster(shop, own)
    put(dict(ALL_FULL))
    try:
        yield
    finally:
        put(before_it)
        wait_for(lambda: not read_only(shop), what="the cluster to take its blocks back")


def read_only(shop: Shop) -> list[str]:
    """The shop's indices that take no writes."""
    return in_cluster(shop, lambda cluster, indices: cluster_health(cluster, indices=f"{indices.alias}-*")).read_only


@pytest.mark.invariant("5.4", "6.2", "6.4")
def test_full_disks_fail_batches_as_unavailable_and_lose_nothing(
    shop: Shop, faulty: Shop, monkeypatch: pytest.MonkeyPatch
):
    if in_cluster(shop, lambda cluster, _: forgets_deletes(cluster)):
        pytest.skip("the embedded engine knows no disk watermarks; its indices are blocked by hand above")
    monkeypatch.setattr(StoreIndices, "shards_timeout", 1)
    shop.run_plain()
    before_it, served = shop.documents(), shop.served()
    shop.sandbox.admin.update(shop.hash, "products", 101, {"price": 4711})
    with full_disks(shop):
        wait_for(lambda: served <= set(read_only(shop)), what="the flood stage")
        changing = failure(faulty, mode="incremental")
        assert (changing.kind, changing.exit_status) == ("destination_unavailable", 3)
        assert "disk usage exceeded flood-stage watermark" in str(changing)
        building = failure(faulty)
        assert (building.kind, building.exit_status) == ("unavailable", 3)
        assert "are the disks full?" in str(building)
        assert shop.served() == served
        assert shop.documents() == before_it
        assert dead_letters(shop) == {}
    for mode in ("incremental", "full"):
        assert faulty.run_plain(mode=mode).status == "completed"
        assert shop.documents()["product-101"]["price"] == 4711
