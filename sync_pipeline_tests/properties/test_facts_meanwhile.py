"""A category is renamed, told and drained before a step of a batch: its products do not keep the old path."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync_pipeline.pipelines.store_search.types import Part
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.properties.edits import Edit
from sync_pipeline_tests.properties.interruptions import Alongside, Interruptions
from sync_pipeline_tests.properties.told_shop import ToldShop
from sync_pipeline_tests.properties.webhooks import ON_TIME

#: After so many of its steps a full batch of products has read the facts, and no product.
FACTS_READ = 4


@pytest.fixture
def it(new_small_shop: Callable[[], Shop]) -> ToldShop:
    """A small indexed shop."""
    told = ToldShop.of(new_small_shop())
    told.sync({}, mode="full")
    return told


def product_of_a_category(it: ToldShop) -> int:
    """A product of the first category that has no other reason to be read again."""
    product, category = it.shop.ids("products")[0], it.shop.ids("categories")[0]
    it.shop.sandbox.admin.update(it.shop.hash, "products", product, {"categories": [category]})
    quiet_hours(it)
    return product


def quiet_hours(it: ToldShop) -> None:
    """After these, a date is no reason to read a product again."""
    for _ in range(2):
        it.sync({}, mode="incremental")
        it.pass_time(3600)


@pytest.mark.invariant("2.9")
@pytest.mark.parametrize("mode", ["full", "incremental", "selective"])
def test_what_a_drain_learnt_while_a_batch_read_is_not_undone_for_good(it: ToldShop, mode: str):
    shop, admin = it.shop, it.shop.sandbox.admin
    product = product_of_a_category(it)
    ids = [f"product-{product}"] if mode == "selective" else None
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


@pytest.mark.invariant("2.9")
def test_what_a_batch_wrote_over_a_drain_that_is_still_at_work_is_noticed(it: ToldShop):
    """It has read the old name before the drain read the new one, and is over before a step of the drain."""
    shop, product = it.shop, product_of_a_category(it)
    step, reached = 0, True
    while reached:
        step += 1
        reached = False
        batch = Alongside(lambda turn: it.sync(Interruptions({}, turn), mode="full", parts=[Part.PRODUCTS]))
        batch.go_on(FACTS_READ)

        def end(batch: Alongside = batch) -> None:
            nonlocal reached
            reached = True
            batch.finish()

        it.edit(Edit("update", "categories", 0, {"name": f"Renamed {step}", "is_visible": True}), [ON_TIME])
        it.drain({step: end})
        batch.finish()
        it.do_as_asked()
        quiet_hours(it)
        shop.refresh()
        assert f"Renamed {step}" in str(shop.documents()[f"product-{product}"]), f"step {step}"
