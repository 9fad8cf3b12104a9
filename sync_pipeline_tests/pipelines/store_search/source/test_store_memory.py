"""The store's own facts change: its currency, its address. What asks for which batch, and what asks for nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import delete

from sync_pipeline.batches.models import SyncBatch, SyncedKey
from sync_pipeline.pipelines.store_search.index.build import StoreBuild
from sync_pipeline.pipelines.store_search.source.store_settings import mode_for, written_by
from sync_pipeline.pipelines.store_search.source.store_source import StoreSource
from sync_pipeline.pipelines.store_search.types import EVENTS, IMPORTS, BatchType, Part
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.events.told_events import (
    changed_by_a_rebuild,
    drain,
    tell,
    tell_product,
)

HERE, THERE = {"currency": "GBP", "base_url": "https://a.example"}, {"currency": "EUR", "base_url": "https://a.example"}
ALL_HERE = {written_by(writer): HERE for writer in (*IMPORTS, EVENTS)}


def tell_store(shop: Shop) -> None:
    tell(shop, "store/information/updated", {"type": "store"})


def change(shop: Shop, what: str) -> None:
    """Changes one fact that documents take."""
    if what == "currency":
        shop.sandbox.admin.change_info(shop.hash, currency="EUR")
    else:
        shop.sandbox.admin.update(shop.hash, "sites", 1000, {"url": "https://moved.example.com"})


def pending(shop: Shop) -> list[SyncBatch]:
    return [batch for batch in shop.pipeline.ledger.list() if batch.status == "pending"]


def asked(shop: Shop) -> list[tuple[str, str, str]]:
    return [(batch.type, batch.mode, batch.trigger) for batch in pending(shop)]


def test_an_edit_of_what_no_document_takes_asks_for_nothing(indexed: Shop):
    indexed.sandbox.admin.change_info(indexed.hash, phone="+44 20 7946 0000", name="Renamed")
    tell_store(indexed)
    drain(indexed)
    assert asked(indexed) == []


@pytest.mark.invariant("2.9")
@pytest.mark.parametrize("what", ["currency", "address"])
def test_a_changed_fact_asks_for_a_full_batch_once(indexed: Shop, what: str):
    change(indexed, what)
    for _ in range(2):
        tell_store(indexed)
        drain(indexed)
    assert asked(indexed) == [("all", "full", "webhook")]
    _, result = indexed.run_batch(pending(indexed)[0])
    assert result.success
    tell_store(indexed)
    drain(indexed)
    assert asked(indexed) == []
    assert changed_by_a_rebuild(indexed) == set()


def test_any_drain_notices_it_although_the_stores_own_event_was_lost(indexed: Shop):
    change(indexed, "currency")
    tell_product(indexed, 101)
    drain(indexed)
    assert asked(indexed) == [("all", "full", "webhook")]


@pytest.mark.invariant("2.9")
@pytest.mark.parametrize("what", ["currency", "address"])
def test_an_incremental_batch_makes_good_a_lost_event(indexed: Shop, what: str):
    change(indexed, what)
    modes = [indexed.run_plain(mode="incremental").counts["products"]["mode"] for _ in range(2)]
    assert modes == ["full", "incremental"]
    assert changed_by_a_rebuild(indexed) == set()


def test_products_that_are_in_step_do_not_vouch_for_categories_and_posts(indexed: Shop):
    change(indexed, "address")
    indexed.run(BatchType.PRODUCT)
    tell_store(indexed)
    drain(indexed)
    assert asked(indexed) == [("all", "full", "webhook")]


def test_of_an_index_of_before_nothing_is_known_so_it_is_asked_for_once(indexed: Shop):
    with indexed.pipeline.ledger.session() as session:
        session.execute(delete(SyncedKey))
    tell_product(indexed, 101)
    drain(indexed)
    assert asked(indexed) == []
    tell_store(indexed)
    drain(indexed)
    assert asked(indexed) == [("all", "full", "webhook")]
    indexed.run_batch(pending(indexed)[0])
    tell_store(indexed)
    drain(indexed)
    assert asked(indexed) == []
    with indexed.pipeline.ledger.session() as session:
        session.execute(delete(SyncedKey))
    modes = [indexed.run_plain(mode="incremental").counts["products"]["mode"] for _ in range(2)]
    assert modes == ["full", "incremental"]


@pytest.mark.invariant("2.9")
def test_a_document_that_a_drain_wrote_with_facts_since_taken_back_is_found(indexed: Shop):
    change(indexed, "currency")
    tell_product(indexed, 101)
    indexed.sandbox.admin.update(indexed.hash, "products", 101, {"name": "In euros"})
    drain(indexed)
    [batch] = pending(indexed)
    indexed.pipeline.ledger.cancel(batch.id)
    indexed.sandbox.admin.change_info(indexed.hash, currency="GBP")
    tell_store(indexed)
    drain(indexed)
    assert asked(indexed) == [("all", "full", "webhook")]
    assert changed_by_a_rebuild(indexed) == {"product-101"}


@pytest.mark.invariant("2.9")
def test_a_document_that_a_drain_wrote_into_a_newer_index_with_older_facts_is_found(
    indexed: Shop, monkeypatch: pytest.MonkeyPatch
):
    named_products = StoreSource.named_products

    def change_and_rebuild() -> None:
        change(indexed, "currency")
        indexed.run_plain()

    async def overtaken(source: StoreSource, keys: Any) -> Any:
        await source.seen()  # the facts are read before, the product after
        await asyncio.to_thread(change_and_rebuild)
        async for page in named_products(source, keys):
            yield page

    indexed.sandbox.admin.update(indexed.hash, "products", 101, {"name": "Still in pounds"})
    tell_product(indexed, 101)
    with monkeypatch.context() as patch:
        patch.setattr(StoreSource, "named_products", overtaken)
        drain(indexed)
    assert asked(indexed) == []
    tell_store(indexed)
    drain(indexed)
    assert asked(indexed) == [("all", "full", "webhook")]
    assert changed_by_a_rebuild(indexed) == {"product-101"}


@pytest.mark.invariant("2.9")
def test_what_a_batch_at_work_has_read_is_looked_at_after_it(indexed: Shop, monkeypatch: pytest.MonkeyPatch):
    publish = StoreBuild.publish

    def take_back() -> None:
        indexed.sandbox.admin.change_info(indexed.hash, currency="GBP")
        tell_store(indexed)
        drain(indexed)

    async def take_back_and_publish(build: StoreBuild, kind: Any, name: str, **written: Any) -> Any:
        if kind.part is Part.PRODUCTS:
            await asyncio.to_thread(take_back)
        return await publish(build, kind, name, **written)

    change(indexed, "currency")
    with monkeypatch.context() as patch:
        patch.setattr(StoreBuild, "publish", take_back_and_publish)
        indexed.run_plain()
    assert asked(indexed) == [("all", "incremental", "webhook")]
    indexed.run_batch(pending(indexed)[0])
    assert {one["currency"] for one in indexed.documents().values() if "currency" in one} == {"GBP"}
    assert changed_by_a_rebuild(indexed) == set()


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("told", [False, True])
def test_what_is_as_remembered_asks_only_for_a_look_after_a_batch_at_work(told: bool, busy: bool):
    assert mode_for(ALL_HERE, HERE, told=told, busy=busy) == ("incremental" if told and busy else None)


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("writer", IMPORTS)
def test_what_an_import_wrote_with_other_facts_asks(writer: Part, told: bool):
    known = {**ALL_HERE, written_by(writer): THERE}
    assert mode_for(known, HERE, told=told, busy=False) == "full"
    assert mode_for(known, HERE, told=told, busy=True) == "incremental"


@pytest.mark.parametrize("busy", [False, True])
def test_what_a_drain_wrote_with_other_facts_asks_for_a_full_batch(busy: bool):
    assert mode_for({**ALL_HERE, written_by(EVENTS): THERE}, HERE, told=False, busy=busy) == "full"
