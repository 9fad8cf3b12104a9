"""Storing events: groups, duplicates, removed stores, and two receivers at once."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.secrets import new_key_entry, parse_keys
from sync_pipeline.pipelines.store_search.events.claims import listening
from sync_pipeline.pipelines.store_search.events.inbox import NewEvent, channel_of, store_events
from sync_pipeline.pipelines.store_search.stores.stores import Stores
from sync_pipeline_tests.waiting import wait_for


@pytest.fixture
def stores(ledger: Ledger) -> Stores:
    stores = Stores(ledger, parse_keys(new_key_entry("k1")))
    for store_hash in ("a", "b"):
        stores.save(store_hash, name="Shop", token="t")
    return stores


def event(store_hash: str, number: int) -> NewEvent:
    return NewEvent(store_hash, "store/product/updated", f"product-{number}", f"{number:040x}", "{}")


def received(ledger: Ledger) -> dict[tuple[str, str], int]:
    with ledger.engine.connect() as connection:
        found = connection.execute(text("SELECT store_hash, key, received FROM sync_pipeline.webhook_events"))
        return {(row.store_hash, row.key): row.received for row in found}


def test_identical_events_of_a_group_are_one_row_and_those_of_stores_that_are_gone_are_dropped(stores: Stores):
    group = [event("a", 1), event("b", 1), event("a", 1), event("gone", 1), event("a", 2)]
    assert store_events(stores.ledger, group) == {"a", "b"}
    assert store_events(stores.ledger, group) == {"a", "b"}
    assert store_events(stores.ledger, [event("gone", 1)]) == frozenset()
    assert received(stores.ledger) == {("a", "product-1"): 4, ("a", "product-2"): 2, ("b", "product-1"): 2}


def test_who_listens_is_told_once_for_each_store(stores: Stores):
    url = stores.ledger.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as listener:
        for store_hash in ("a", "b", "gone"):
            listener.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel_of(store_hash))))
        store_events(stores.ledger, [event("a", 1), event("a", 2), event("gone", 1), event("b", 1)])
        told = [notice.channel for notice in listener.notifies(timeout=30, stop_after=2)]
        assert sorted(told) == [channel_of("a"), channel_of("b")]


def test_drain_wakes_only_for_its_own_store(stores: Stores):
    ledger = stores.ledger
    with listening(ledger, "a") as wait, ThreadPoolExecutor(1) as thread:
        for number in range(5):
            store_events(ledger, [event("b", number)])
        began = time.monotonic()
        wait(0.5)
        assert time.monotonic() - began >= 0.5, "none of its own"
        waiting = thread.submit(wait, 30)
        store_events(ledger, [event("b", 7), event("a", 7)])
        waiting.result(10)


def test_a_store_whose_removal_is_under_way_drops_only_its_own_events(stores: Stores):
    ledger = stores.ledger
    with ThreadPoolExecutor(1) as thread:
        with ledger.engine.begin() as removal:
            removal.execute(text("DELETE FROM sync_pipeline.stores WHERE hash = 'a'"))
            storing = thread.submit(store_events, ledger, [event("a", 1), event("b", 1)])
            wait_for(lambda: _waits_for_a_lock(ledger), what="the statement to wait for the removal")
        assert storing.result(30) == {"b"}
    assert received(ledger) == {("b", "product-1"): 1}


def test_receivers_that_store_the_same_events_in_any_order_do_not_deadlock(stores: Stores):
    drawn = random.Random(1)
    events = [event(store_hash, number) for store_hash in ("a", "b") for number in range(50)]
    groups = [drawn.sample(events, len(events)) for _ in range(60)]
    with ThreadPoolExecutor(6) as threads:
        stored = list(threads.map(lambda group: store_events(stores.ledger, group), groups))
    assert stored == [{"a", "b"}] * 60
    assert set(received(stores.ledger).values()) == {60}


def _waits_for_a_lock(ledger: Ledger) -> bool:
    with ledger.engine.connect() as connection:
        return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))
