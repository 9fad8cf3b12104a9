"""Which stores get a drain: those with events, none under way, and no failure just now. Asked every few seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.secrets import new_key_entry, parse_keys
from sync_pipeline.pipelines.store_search.events.claims import PAUSES, stores_with_events
from sync_pipeline.pipelines.store_search.events.inbox import NewEvent, store_events
from sync_pipeline.pipelines.store_search.requests import events_request
from sync_pipeline.pipelines.store_search.stores.stores import Stores
from sync_pipeline_tests.clocks import ManualClock

NAMES = ("busy", "failed", "quiet", "removed", "told", "twice")


@pytest.fixture
def stores(ledger: Ledger) -> Stores:
    stores = Stores(ledger, parse_keys(new_key_entry("k1")))
    for name in NAMES:
        stores.save(name, name="Shop", token="t")
    told = [NewEvent(name, "store/product/updated", "product-1", "h", "{}") for name in NAMES if name != "quiet"]
    store_events(ledger, told)
    return stores


def fail_drain(ledger: Ledger, name: str) -> None:
    batch = ledger.request(events_request(name))
    ledger.fail(ledger.claim(batch.id, run_id=f"run-{batch.id}", planned=[]), kind="x", message="y")


@contextmanager
def counted(ledger: Ledger) -> Iterator[list[str]]:
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(ledger.engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(ledger.engine, "before_cursor_execute", count)


@pytest.mark.invariant("6.6")
def test_stores_that_need_a_drain_are_found_by_one_statement(stores: Stores, clock: ManualClock):
    ledger = stores.ledger
    stores.mark_uninstalled("removed")
    ledger.request(events_request("busy"))
    for name in ("failed", "twice", "twice"):
        fail_drain(ledger, name)
    with counted(ledger) as statements:
        assert stores_with_events(ledger) == ["told"]
    assert len(statements) == 1
    clock.advance(PAUSES.first)
    assert stores_with_events(ledger) == ["failed", "told"]
    clock.advance(PAUSES.first)
    assert stores_with_events(ledger) == ["failed", "told", "twice"]


def test_pause_after_failures_is_bounded_and_ends_with_a_success(stores: Stores, clock: ManualClock):
    ledger = stores.ledger
    for _ in range(12):
        fail_drain(ledger, "told")
    clock.advance(PAUSES.cap - 1)
    assert "told" not in stores_with_events(ledger)
    clock.advance(1)
    assert "told" in stores_with_events(ledger)
    batch = ledger.request(events_request("told"))
    ledger.complete(ledger.claim(batch.id, run_id="well", planned=[]))
    assert "told" in stores_with_events(ledger)
