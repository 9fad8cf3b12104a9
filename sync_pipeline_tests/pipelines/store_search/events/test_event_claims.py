"""Who works on events, and what becomes of those whose drain died: nothing lost, nothing tried for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from sync_pipeline.batches.lanes import FencedError, acquire, refusals
from sync_pipeline.batches.ledger import lane_holder
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.parts import Run, batch_part
from sync_pipeline.batches.queue import kept_waiting, reap
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.connectors.bigcommerce.catalog import Catalog
from sync_pipeline.connectors.bigcommerce.errors import UnauthorizedError
from sync_pipeline.pipelines.store_search.events.claims import POISON_AFTER, EventClaims
from sync_pipeline.pipelines.store_search.events.drain import Drain
from sync_pipeline.pipelines.store_search.events.inbox import NewEvent, store_events
from sync_pipeline.pipelines.store_search.events.models import WebhookEvent
from sync_pipeline.pipelines.store_search.requests import events_request, store_request
from sync_pipeline.pipelines.store_search.types import EVENTS, BatchType
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.events.told_events import drain, states, tell_product
from sync_pipeline_tests.pipelines.store_search.imports.odd_records import dead_letters
from sync_pipeline_tests.waiting import wait_for


class KilledError(BaseException):
    """The process of the drain is no more."""


def claims_of(shop: Shop, run_id: str) -> EventClaims:
    """The claims of a drain that has the lane."""
    ledger = shop.pipeline.ledger
    batch = ledger.claim(ledger.request(events_request(shop.hash)).id, run_id=run_id, planned=["events"])
    return EventClaims(ledger, acquire(ledger, batch.scope, LaneName.EVENTS, lane_holder(batch)), batch)


def rows(shop: Shop) -> Sequence[WebhookEvent]:
    with shop.pipeline.ledger.session() as session:
        return session.scalars(select(WebhookEvent).where(WebhookEvent.store_hash == shop.hash)).all()


def event_of(shop: Shop, number: int, digest: str) -> NewEvent:
    return NewEvent(shop.hash, "store/product/updated", f"product-{number}", digest, "{}")


@pytest.mark.invariant("1.3", "1.4")
def test_what_a_dead_drain_had_claimed_is_taken_by_the_next(indexed: Shop):
    ledger = indexed.pipeline.ledger
    indexed.sandbox.admin.update(indexed.hash, "products", 101, {"name": "After the kill"})
    number = tell_product(indexed, 101)
    dead = ledger.claim(ledger.request(events_request(indexed.hash)).id, run_id="dead", planned=["events"])
    lane = acquire(ledger, dead.scope, LaneName.EVENTS, lane_holder(dead))
    EventClaims(ledger, lane, dead).take(10)
    assert states(indexed) == {number: "claimed"}
    ledger.fail(dead, kind="lost", message="killed")
    drain(indexed)
    indexed.refresh()
    assert states(indexed) == {number: "done"}
    assert indexed.documents()["product-101"]["name"] == "After the kill"


@pytest.mark.invariant("8.6")
def test_a_drain_that_was_overtaken_acknowledges_nothing(indexed: Shop):
    ledger = indexed.pipeline.ledger
    number = tell_product(indexed, 101)
    late = ledger.claim(ledger.request(events_request(indexed.hash)).id, run_id="late", planned=["events"])
    lane = acquire(ledger, late.scope, LaneName.EVENTS, lane_holder(late))
    claims = EventClaims(ledger, lane, late)
    [event] = claims.take(10)
    ledger.fail(late, kind="lost", message="slept")
    heir = ledger.claim(ledger.request(events_request(indexed.hash)).id, run_id="heir", planned=["events"])
    acquire(ledger, heir.scope, LaneName.EVENTS, lane_holder(heir))
    for refused in (claims.requeue_orphaned, lambda: claims.take(10), lambda: claims.end({event.id: "done"}, {})):
        with pytest.raises(FencedError):
            refused()
    assert states(indexed) == {number: "claimed"}
    assert refusals(ledger) == {f"store:{indexed.hash} events": 3}


@pytest.mark.invariant("8.6")
def test_a_drain_whose_lane_is_lost_in_the_middle_writes_no_more(indexed: Shop, monkeypatch: pytest.MonkeyPatch):
    before = indexed.documents()
    indexed.sandbox.admin.update(indexed.hash, "products", 101, {"name": "Too late"})
    number = tell_product(indexed, 101)
    take = EventClaims.take

    def take_and_lose(claims: EventClaims, limit: int) -> Any:
        taken = take(claims, limit)
        claims.lane.release()
        acquire(claims.ledger, claims.batch.scope, LaneName.EVENTS, "heir")
        return taken

    monkeypatch.setattr(EventClaims, "take", take_and_lose)
    with pytest.raises(FencedError):
        drain(indexed)
    indexed.refresh()
    assert indexed.documents() == before
    assert states(indexed) == {number: "claimed"}


@pytest.mark.invariant("1.3", "3.4")
def test_an_event_that_is_told_again_while_a_dead_drain_has_it_is_one_event(indexed: Shop):
    ledger = indexed.pipeline.ledger
    store_events(ledger, [event_of(indexed, 101, "a")] * 2)
    dead = claims_of(indexed, "dead")
    dead.take(10)
    store_events(ledger, [event_of(indexed, 101, "a")])
    assert [event.state for event in rows(indexed)] == ["claimed", "waiting"]
    ledger.fail(dead.batch, kind="lost", message="killed")
    stats = drain(indexed).counts["events"]
    assert [(event.state, event.received) for event in rows(indexed)] == [("done", 3)]
    assert (stats["events_received"], stats["events_coalesced"]) == (3, 2)


@pytest.mark.invariant("1.3", "3.4")
def test_events_are_freed_while_the_same_ones_are_stored(indexed: Shop):
    """Both write the one row that may wait for a hash, at the same moment or not."""
    ledger, rounds = indexed.pipeline.ledger, 60
    claims = claims_of(indexed, "first")
    told = [event_of(indexed, number, str(number)) for number in range(20)]

    def tell() -> None:
        for _ in range(rounds):
            store_events(ledger, told)

    with ThreadPoolExecutor(1) as threads:
        telling = threads.submit(tell)
        while not telling.done():
            claims.take(1000)
            claims.release_claims()
        telling.result()
    assert {(event.state, event.received, event.attempts) for event in rows(indexed)} == {("waiting", rounds, 0)}


@pytest.mark.invariant("1.4", "6.6")
def test_an_event_that_kills_its_drains_is_soon_alone_and_then_a_dead_letter(
    indexed: Shop, monkeypatch: pytest.MonkeyPatch
):
    by_id = Catalog.products_by_id

    def die(catalog: Catalog, ids: Any, **options: Any) -> Any:
        if 102 in ids:
            monkeypatch.setattr(EventClaims, "release_claims", lambda _: 0)  # the dead do nothing more
            raise KilledError
        return by_id(catalog, ids, **options)

    numbers = indexed.ids("products")[:70]
    for number in numbers:
        indexed.sandbox.admin.update(indexed.hash, "products", number, {"name": f"Edited {number}", "is_visible": True})
    told = {number: tell_product(indexed, number) for number in numbers}
    tell_product(indexed, 102)  # more of the same do not kill more drains
    monkeypatch.setattr(Catalog, "products_by_id", die)
    for _ in range(POISON_AFTER):
        with pytest.raises(KilledError):
            drain(indexed)
        close_silent(indexed)
    drain(indexed)
    found = states(indexed)
    assert {number for number in numbers if found[told[number]] != "done"} == {102}
    assert dead_letters(indexed).keys() == {"product-102"}
    indexed.refresh()
    found = indexed.documents()
    edited = {f"product-{number}" for number in numbers if number != 102} & found.keys()
    assert {found[key]["name"].split()[0] for key in edited} == {"Edited"}


@pytest.mark.invariant("1.4", "6.6")
@pytest.mark.parametrize("deaths", [1, 2])
def test_what_a_dead_drain_had_is_not_kept_waiting_by_what_comes_all_the_time(
    indexed: Shop, monkeypatch: pytest.MonkeyPatch, deaths: int
):
    number = tell_product(indexed, 101)
    with indexed.pipeline.ledger.session() as session:
        session.get_one(WebhookEvent, number).attempts = deaths
    take, seen = EventClaims.take, []

    def tell_and_take(claims: EventClaims, limit: int) -> Any:
        seen.append(states(indexed)[number])
        if len(seen) < 5:
            tell_product(indexed, 104)
        return take(claims, limit)

    monkeypatch.setattr(EventClaims, "take", tell_and_take)
    drain(indexed)
    assert seen == ["waiting", *["done"] * 4]


def close_silent(shop: Shop) -> None:
    """What the reaper does when a batch is silent."""
    pass_time(shop.pipeline.ledger, 60)
    reap(shop.pipeline.ledger)


@pytest.mark.invariant("4.5", "6.4")
def test_a_failure_that_is_no_events_fault_is_not_held_against_it(indexed: Shop):
    number = tell_product(indexed, 101)
    indexed.sandbox.admin.inject(indexed.hash, FaultKind.WRONG_TOKEN)
    for _ in range(POISON_AFTER + 1):
        with pytest.raises(UnauthorizedError):
            drain(indexed)
        assert states(indexed) == {number: "waiting"}
    indexed.sandbox.admin.clear_faults(indexed.hash)
    drain(indexed)
    assert states(indexed) == {number: "done"}


@pytest.mark.invariant("3.4")
def test_a_hundred_thousand_duplicates_are_one_event_and_counted(indexed: Shop):
    ledger = indexed.pipeline.ledger
    for start in range(0, 100_000, 1000):
        # As retries come: no two with all the same neighbours.
        others = [event_of(indexed, 102 + number % 50, str(102 + number % 50)) for number in range(500)]
        store_events(ledger, [*[event_of(indexed, 101, "101")] * 1000, *others[start % 7 :]])
    assert len(rows(indexed)) == 51
    stats = drain(indexed).counts["events"]
    assert {event.state for event in rows(indexed)} == {"done"}
    assert stats["events_done"] == 51
    assert stats["events_received"] == sum(event.received for event in rows(indexed)) > 100_000
    assert stats["events_coalesced"] == stats["events_received"] - 51


@pytest.mark.invariant("6.6")
def test_a_drain_that_had_its_turn_makes_room_when_others_are_kept_waiting(indexed: Shop):
    pipeline, ledger = indexed.pipeline, indexed.pipeline.ledger

    def linger() -> dict[str, Any]:
        run = Run("patient", (EVENTS,), replace(events_request(indexed.hash), reserved_for="patient"))
        with batch_part(ledger, run) as part:
            return asyncio.run(Drain(pipeline, part, pipeline.stores.get(indexed.hash), linger=600, turn=0).run())

    with ThreadPoolExecutor(1) as threads:
        lingering = threads.submit(linger)
        number = tell_product(indexed, 101)
        wait_for(lambda: states(indexed) == {number: "done"}, what="an event that the drain waited for")
        other = ledger.request(store_request("anotherstore", BatchType.ALL))
        assert not kept_waiting(ledger)
        assert not lingering.done()
        long_ago = ledger.clock.now() - timedelta(seconds=30)
        with ledger.session() as session:
            session.get_one(SyncBatch, other.id).requested_at = long_ago
        wait_for(lingering.done, what="the end of the drain")
    assert lingering.result()["events_done"] == 1
