"""Verifying and repairing a store's live indices: against the shop, and whatever somebody did to them by hand."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.parts import BatchPart, Run, batch_part
from sync_pipeline.batches.requests import Level
from sync_pipeline.delivery.guard import DeleteGuardError
from sync_pipeline.delivery.verify import Verification
from sync_pipeline.errors import SyncPipelineError
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.search.client import NotIndexedError
from sync_pipeline.pipelines.store_search.types import IMPORTS, BatchType, Part
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.clocks import HurriedClock
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.verifying import differences, verify

pytestmark = pytest.mark.real_elasticsearch


class ActingClock(HurriedClock):
    """Does something each time that somebody waits for a second look."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self.act = act

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.to_thread(self.act)


def repaired(shop: Shop, **options: Any) -> dict[Part, Verification]:
    """Verifies and repairs, as a batch that holds the bulk lane."""
    run_id = secrets.token_hex(8)
    request = replace(store_request(shop.hash, BatchType.ALL), reserved_for=run_id)

    def work(part: BatchPart) -> dict[Part, Verification]:
        found = verify(shop, repair_with=part, **options)
        for name, verification in found.items():
            part.record(name, verification.as_dict())
        return found

    with batch_part(shop.pipeline.ledger, Run(run_id, tuple(IMPORTS), request)) as part:
        found = work(part)
    batch: SyncBatch = shop.pipeline.ledger.get(part.batch.id)
    assert batch.status == "completed"
    return found


def edit(shop: Shop, key: str, **fields: Any) -> None:
    """Changes a document as somebody else might, leaving its `sync` object alone."""

    async def update() -> None:
        async with shop.pipeline.cluster() as cluster:
            word = {"product": "products", "post": "blog"}.get(key.partition("-")[0], "categories")
            await cluster.client.update(index=f"store-{shop.hash}-{word}", id=key, doc=fields, refresh=True)

    asyncio.run(update())


def add(shop: Shop, key: str, **fields: Any) -> None:
    async def index() -> None:
        async with shop.pipeline.cluster() as cluster:
            await cluster.client.index(index=f"store-{shop.hash}-products", id=key, document=fields, refresh=True)

    asyncio.run(index())


def test_store_is_in_step_after_a_full_batch(indexed: Shop):
    found = verify(indexed)
    assert {part: (one.in_step, one.suspects) for part, one in found.items()} == dict.fromkeys(IMPORTS, (True, 0))
    assert sum(one.stored for one in found.values()) == len(indexed.documents())
    assert all(one.in_step for one in verify(indexed, level=Level.FAST).values())


@pytest.mark.invariant("2.9")
def test_documents_edited_deleted_and_added_by_hand_are_found_and_repaired(indexed: Shop):
    before = indexed.documents()
    page = next(key for key in before if key.startswith("page-"))
    for number in range(3):
        edit(indexed, "product-101", name=f"Changed by hand {number}")
    edit(indexed, page, name="Changed by hand")
    indexed.delete_document("products", "product-102")
    add(indexed, "product-999999", id=999999, type="product", name="Added by hand")
    add(indexed, "a stranger", name="Added by hand")
    expected = {
        "product-101": "differing",
        page: "differing",
        "product-102": "missing",
        "product-999999": "extra",
        "a stranger": "extra",
    }
    assert differences(verify(indexed)) == expected
    assert all(one.in_step for one in verify(indexed, level=Level.FAST, parts=[Part.CATEGORIES]).values())
    found = repaired(indexed)
    assert differences(found) == expected
    assert [one.repaired for one in found.values()] == [4, 1, 0]
    assert all(one.in_step for one in found.values())
    indexed.refresh()
    assert indexed.documents() == before
    assert all(one.in_step for one in verify(indexed).values())


def test_hidden_product_in_the_index_is_extra_and_goes(indexed: Shop):
    indexed.sandbox.admin.update(indexed.hash, "products", 101, {"is_visible": False})
    assert differences(verify(indexed)) == {"product-101": "extra"}
    assert repaired(indexed)[Part.PRODUCTS].in_step
    indexed.refresh()
    assert "product-101" not in indexed.documents()


def test_edits_that_are_under_way_are_not_reported(indexed: Shop):
    admin = indexed.sandbox.admin
    admin.update(indexed.hash, "products", 101, {"name": "Edited just now"})
    admin.delete(indexed.hash, "products", 103)
    category = indexed.ids("categories")[-1]
    admin.update(indexed.hash, "categories", category, {"name": "Renamed just now"})
    rounds = iter([False, True])

    def arrive() -> None:
        if next(rounds, False):
            indexed.run_plain(mode="incremental")

    found = verify(indexed, clock=ActingClock(arrive))
    assert found[Part.PRODUCTS].suspects >= 2
    assert {one.in_step for one in found.values()} == {True}
    assert differences(found) == {}


def test_full_batch_that_swaps_meanwhile_disturbs_nothing(indexed: Shop):
    indexed.sandbox.admin.update(indexed.hash, "products", 101, {"name": "Edited just now"})
    rounds = iter([True])
    found = verify(indexed, clock=ActingClock(lambda: next(rounds, False) and indexed.run_plain()))
    assert (found[Part.PRODUCTS].suspects, differences(found)) == (1, {})


@pytest.mark.invariant("4.1", "4.2", "4.3")
@pytest.mark.parametrize("fault", [FaultKind.UNAVAILABLE, FaultKind.EMPTY_LIST, FaultKind.SHORT_LIST])
def test_store_that_fails_is_no_list_of_differences(indexed: Shop, fault: FaultKind):
    before = indexed.documents()
    options = {"items": 3} if fault is FaultKind.SHORT_LIST else {}
    indexed.sandbox.admin.inject(indexed.hash, fault, path="*/v3/catalog/products", count=1000, **options)
    with pytest.raises(SyncPipelineError) as told:
        repaired(indexed, parts=[Part.PRODUCTS])
    assert fault is FaultKind.UNAVAILABLE or told.value.kind in {"delete_guard", "incomplete_listing"}
    assert indexed.documents() == before


@pytest.mark.invariant("4.3")
def test_store_that_lists_few_products_is_not_believed(indexed: Shop):
    for number in indexed.ids("products")[3:]:
        indexed.sandbox.admin.delete(indexed.hash, "products", number)
    with pytest.raises(DeleteGuardError, match="would vanish"):
        verify(indexed, parts=[Part.PRODUCTS])
    assert verify(indexed, parts=[Part.PRODUCTS], confirmed=True)[Part.PRODUCTS].extra > 20


def test_store_without_indices_says_what_to_do(shop: Shop):
    with pytest.raises(NotIndexedError, match="run a full batch"):
        verify(shop)
