"""What is found gone while an index is built or copied is not in it when searches see it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.batches.states import Status
from sync_pipeline.pipelines.store_search.types import Part
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.properties.conftest import new_small_shop
from sync_pipeline_tests.properties.interrupted_shop import InterruptedShop
from sync_pipeline_tests.properties.interruptions import Steps

__all__ = ["new_small_shop"]

#: Alone: other parts would go on beside a step, and a batch minds when an index that it showed is replaced meanwhile.
PRODUCTS = (Part.PRODUCTS,)
pytestmark = [pytest.mark.invariant("2.8"), pytest.mark.real_elasticsearch]


@pytest.fixture
def it(new_small_shop: Callable[[], Shop]) -> InterruptedShop:
    """A small shop that is indexed."""
    interrupted = InterruptedShop.of(new_small_shop())
    interrupted.sync({}, mode="full")
    return interrupted


def delete_before_every_step(it: InterruptedShop, run: Callable[[Steps, int], SyncBatch]) -> int:
    """Runs batches; before a later step of each, another lane deletes a product. How many steps a batch has."""
    step = 0
    reached = True
    while reached:
        step += 1
        reached = False
        product = it.shop.sandbox.admin.create(it.shop.hash, "products", {"name": f"Gone at step {step}"})["id"]
        ids = [f"product-{product}"]
        it.sync({}, mode="selective", ids=ids, parts=PRODUCTS)

        def delete(product: int = product, ids: list[str] = ids) -> None:
            nonlocal reached
            reached = True
            it.shop.sandbox.admin.delete(it.shop.hash, "products", product)
            deleted = it.sync({}, lane=LaneName.EVENTS, mode="selective", ids=ids, parts=PRODUCTS)
            assert deleted.status == Status.COMPLETED

        batch = run({step: delete}, step)
        assert batch.status == Status.COMPLETED
        assert (ids[0] in it.shop.documents()) is not reached, f"step {step}"
    return step - 1


def test_a_full_batch_does_not_bring_back_what_is_deleted_before_any_of_its_steps(it: InterruptedShop):
    assert delete_before_every_step(it, lambda steps, _: it.sync(steps, mode="full", parts=PRODUCTS)) > 5


def test_a_copy_does_not_bring_back_what_is_deleted_before_any_of_its_steps(it: InterruptedShop):
    assert delete_before_every_step(it, lambda steps, step: it.reindex(steps, [f"word{step}"])) > 5
