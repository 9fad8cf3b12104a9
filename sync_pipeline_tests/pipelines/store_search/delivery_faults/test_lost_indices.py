"""Indices that somebody deletes in mid-batch, and aliases that somebody moves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.errors import ServiceUnavailableError
from sync_pipeline.pipelines.store_search.index.ownership import OwnIndices
from sync_pipeline_tests.fault_proxy import FaultProxy, before, refused
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.delivery_faults.faulty_search import (
    PRODUCTS,
    check_whole,
    delete_index,
    failure,
    in_cluster,
    live_products,
    move_alias,
    product_prices,
)

pytestmark = [pytest.mark.chaos, pytest.mark.real_elasticsearch, pytest.mark.usefixtures("small_chunks")]

SWAP: dict[str, Any] = {"method": "POST", "path": "/_aliases*", "containing": b"-products-"}


def opening(moment: str) -> int:
    """How many requests of the kind a batch makes before it reads anything: it looks for the highest version."""
    return 1 if "_refresh" in moment else 0


@pytest.mark.invariant("5.4", "5.5")
def test_an_index_that_is_deleted_while_it_is_built_fails_the_batch_and_the_old_one_answers(
    shop: Shop, faulty: Shop, proxy: FaultProxy
):
    shop.run_plain()
    expected, live = shop.documents(), live_products(shop)

    def delete_the_build() -> None:
        [build] = [name for name in shop.indices() if "-products-" in name and name != live]
        delete_index(shop, build)

    proxy.inject(before(delete_the_build), path=PRODUCTS, after=2)
    error = failure(faulty)
    assert "-products-" in str(error)
    assert "does not have this index (any more)" in str(error)
    assert live_products(shop) == live
    assert shop.documents() == expected
    check_whole(shop, faulty.run_plain(), expected)
    assert len([name for name in shop.indices() if "-products-" in name]) == 2, "a stray write's index is gone"


@pytest.mark.invariant("5.2", "5.5")
@pytest.mark.parametrize("moment", [{"path": PRODUCTS}, SWAP], ids=["bulk", "swap"])
def test_a_live_index_that_is_deleted_while_another_is_filled_is_replaced_by_that(
    shop: Shop, faulty: Shop, proxy: FaultProxy, moment: dict[str, Any]
):
    shop.run_plain()
    expected, live = shop.documents(), live_products(shop)
    rule = proxy.inject(before(lambda: delete_index(shop, live)), **moment)
    check_whole(shop, faulty.run_plain(), expected)
    assert rule.applied == 1
    assert live not in shop.indices()


@pytest.mark.invariant("3.6", "5.5")
@pytest.mark.parametrize("moment", [PRODUCTS, "*-products-*/_mget*", "*-products-*/_pit*", "*-products-*/_refresh*"])
def test_a_live_index_that_is_deleted_in_an_incremental_batch_fails_it_and_the_next_one_builds_anew(
    shop: Shop, faulty: Shop, proxy: FaultProxy, moment: str
):
    shop.run_plain()
    before_it, live = product_prices(shop), live_products(shop)
    for product in range(101, 111):
        shop.sandbox.admin.update(shop.hash, "products", product, {"price": 4711})
    rule = proxy.inject(before(lambda: delete_index(shop, live)), path=moment, after=opening(moment))
    error = failure(faulty, mode="incremental")
    assert rule.applied == 1
    assert live in str(error)
    assert product_prices(shop) == {}
    batch = faulty.run_plain(mode="incremental")
    assert batch.counts["products"]["mode"] == "full"
    after_it = product_prices(shop)
    assert after_it.keys() == before_it.keys()
    assert after_it["product-101"] == 4711
    assert live not in shop.indices()


@pytest.mark.invariant("3.6", "5.5")
@pytest.mark.parametrize("moment", [PRODUCTS, "*-products-*/_refresh*"])
def test_an_alias_that_somebody_moves_in_an_incremental_batch_fails_it_and_the_next_one_heals(
    shop: Shop, faulty: Shop, proxy: FaultProxy, moment: str
):
    shop.run_plain()
    before_it, live = product_prices(shop), live_products(shop)
    shop.sandbox.admin.update(shop.hash, "products", 101, {"price": 4711})
    moved: list[str] = []
    proxy.inject(before(lambda: moved.append(move_alias(shop))), path=moment, after=opening(moment))
    error = failure(faulty, mode="incremental")
    assert f"index {live} was written, but the alias store-{shop.hash}-products now names {moved[0]}" in str(error)
    batch = faulty.run_plain(mode="incremental")
    assert batch.status == "completed"
    assert product_prices(shop) == {**before_it, "product-101": 4711}


@pytest.mark.invariant("5.2")
def test_an_alias_that_somebody_moves_during_a_full_batch_is_moved_on_to_the_new_index(
    shop: Shop, faulty: Shop, proxy: FaultProxy
):
    shop.run_plain()
    expected = shop.documents()
    moved: list[str] = []
    proxy.inject(before(lambda: moved.append(move_alias(shop))), path=PRODUCTS, after=1)
    batch = faulty.run_plain(confirm_deletes=True)
    assert batch.counts["products"]["replaced"] == moved
    check_whole(shop, batch, expected)


@pytest.mark.invariant("5.2", "5.4")
@pytest.mark.parametrize("deleted", [False, True], ids=["moved", "moved, and the old index deleted"])
def test_an_alias_that_is_moved_in_the_moment_of_the_swap_is_left_alone(
    shop: Shop, faulty: Shop, proxy: FaultProxy, *, deleted: bool
):
    shop.run_plain()
    live = live_products(shop)
    moved: list[str] = []

    def overtake() -> None:
        moved.append(move_alias(shop))
        if deleted:
            delete_index(shop, live)

    proxy.inject(before(overtake), **SWAP)
    error = failure(faulty)
    assert "swapping the aliases" in str(error)
    assert [live_products(shop)] == moved


@pytest.mark.invariant("6.6")
def test_an_index_whose_data_was_lost_with_its_node_stops_no_later_batch(shop: Shop):
    async def lose_one(cluster: SearchCluster, indices: StoreIndices) -> str:
        name = indices.new_name("products", datetime(2026, 1, 1, tzinfo=UTC))
        nowhere = {"index.routing.allocation.require._name": "a node that is gone", "number_of_replicas": 0}
        await cluster.client.indices.create(index=name, settings=nowhere, wait_for_active_shards=0)
        return name

    lost = in_cluster(shop, lose_one)
    check_whole(shop, shop.run_plain(), shop.documents())
    assert lost not in shop.indices()


@pytest.mark.invariant("2.10", "6.6")
def test_index_that_cannot_be_read_hides_no_version_of_the_others(shop: Shop, faulty: Shop, proxy: FaultProxy):
    shop.run_plain()

    async def look(cluster: SearchCluster, indices: StoreIndices) -> int:
        return await OwnIndices(cluster, await indices.list(), ()).highest_version()

    highest = in_cluster(shop, look)
    proxy.inject(refused(503), path="*-blog-*/_refresh*", count=None)
    assert highest >= in_cluster(faulty, look) > 0
    proxy.inject(refused(503), path="*/_refresh*", count=None)
    with pytest.raises(ServiceUnavailableError):
        in_cluster(faulty, look)
