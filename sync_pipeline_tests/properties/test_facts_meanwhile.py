"""A category is renamed, told and drained before a step of a batch: its products do not keep the old path."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync_pipeline.pipelines.store_search.types import Part
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.properties.edits import Edit
from sync_pipeline_tests.properties.told_shop import ToldShop
from sync_pipeline_tests.properties.webhooks import ON_TIME


@pytest.fixture
def it(new_small_shop: Callable[[], Shop]) -> ToldShop:
    """A small indexed shop."""
    told = ToldShop.of(new_small_shop())
    told.sync({}, mode="full")
    return told


@pytest.mark.invariant("2.9")
@pytest.mark.parametrize("mode", ["full", "incremental", "selective"])
def test_what_a_drain_learnt_while_a_batch_read_is_not_undone_for_good(it: ToldShop, mode: str):
    shop, admin = it.shop, it.shop.sandbox.admin
    product, category = shop.ids("products")[0], shop.ids("categories")[0]
    ids = [f"product-{product}"] if mode == "selective" else None
    admin.update(shop.hash, "products", product, {"categories": [category]})
    for _ in range(2):
        it.sync({}, mode="incremental")
        it.pass_time(3600)  # so that its date is no reason to read it again
    asked = step = 0
    reached = True
    while reached:
        step += 1
        reached = False
        if mode == "incremental":
            admin.update(shop.hash, "products", product, {"price": step})

        def rename(step: int = step) -> None:
            nonlocal reached
            reached = True
            it.edit(Edit("update", "categories", 0, {"name": f"Renamed {step}", "is_visible": True}), [ON_TIME])
            it.drain({})

        it.sync({step: rename}, mode=mode, ids=ids, parts=[Part.PRODUCTS])
        asked += len(it.do_as_asked())
        shop.refresh()
        assert (f"Renamed {step}" in str(shop.documents()[f"product-{product}"])) is reached, f"step {step}"
    assert 0 < asked < step, "few batches wait for another"
