"""Tombstones in the ledger: nothing that was found gone comes back, whatever the destination remembers of deletes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.delivery.books import Books
from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.delivery.tombstones import KEPT, Tombstones
from sync_pipeline.operations import (
    Action,
    Capabilities,
    Filtered,
    Item,
    ItemResult,
    Operation,
    Outcome,
    Rejected,
    RetryableDestinationError,
)
from sync_pipeline_tests.clocks import ManualClock

SCOPE = "store:t1"


class Forgetful:
    """A destination that keeps the versions of what it has, and forgets a deleted key at once.

    ``before_write`` runs when a write arrives, before it is applied.
    """

    capabilities = Capabilities()
    max_items = 3
    max_bytes = 10_000

    def __init__(self) -> None:
        self.stored: dict[str, int] = {}
        self.before_write: Callable[[], None] = lambda: None
        self.cut = False

    async def write(self, operations: Sequence[Operation]) -> Sequence[ItemResult]:
        before, self.before_write = self.before_write, lambda: None
        await asyncio.to_thread(before)
        results: list[ItemResult] = []
        for operation in operations:
            if operation.version < self.stored.get(operation.key, 0):
                results.append(Outcome.STALE)
            elif operation.action is Action.DELETE:
                self.stored.pop(operation.key, None)
                results.append(Outcome.DELETED)
            else:
                self.stored[operation.key] = operation.version
                results.append(Outcome.WRITTEN)
        if self.cut:
            self.cut = False
            raise RetryableDestinationError("connection cut")
        return results


def tombstones(ledger: Ledger, batch: int = 1, scope: str = SCOPE) -> Tombstones:
    return Tombstones(ledger, scope, batch)


def deliver(shelf: Forgetful, ledger: Ledger, *items: Item, batch: int = 1, min_version: int = 0) -> Books:
    def keep(rejected: Sequence[Rejected]) -> None:
        raise AssertionError(rejected)

    async def pages() -> AsyncGenerator[Sequence[Item]]:
        yield items

    work = Delivery(
        shelf,
        fence=lambda: None,
        record_tombstones=tombstones(ledger, batch).record_tombstones,
        keep=keep,
        min_version=min_version,
        clock=ManualClock(),
        writers=1,
    )
    return asyncio.run(work.run(pages()))


def upsert(key: str, version: int) -> Operation:
    return Operation(key, version, body=b"{}")


def gone(key: str, version: int) -> Operation:
    return Operation(key, version, Action.DELETE, absent=True)


@pytest.mark.invariant("2.3", "2.6", "2.7")
@pytest.mark.parametrize("last", [gone("a", 5), Filtered("a", "hidden", 5)])
def test_a_write_that_is_older_than_a_delete_is_stale_and_a_newer_one_is_applied(ledger: Ledger, last: Item):
    shelf = Forgetful()
    deliver(shelf, ledger, last)
    late = deliver(shelf, ledger, upsert("a", 4), upsert("b", 4), batch=2)
    assert (late.outcomes[Outcome.STALE], late.outcomes[Outcome.WRITTEN]) == (1, 1)
    assert shelf.stored == {"b": 4}
    deliver(shelf, ledger, upsert("a", 6), batch=3)
    assert shelf.stored == {"a": 6, "b": 4}


@pytest.mark.invariant("2.7")
def test_a_late_write_does_not_only_stay_away_but_takes_what_an_older_one_left(ledger: Ledger):
    """A filtered record deletes nothing by itself, and an even older write may have come first."""
    shelf = Forgetful()
    shelf.stored["a"] = 3
    deliver(shelf, ledger, Filtered("a", "hidden", 5))
    assert deliver(shelf, ledger, upsert("a", 4), batch=2).outcomes[Outcome.STALE] == 1
    assert shelf.stored == {}


@pytest.mark.invariant("2.2")
def test_a_write_that_is_older_than_everything_in_the_destination_brings_nothing_back(ledger: Ledger):
    """What a full batch did not find is not in its index, and nobody laid a tombstone for it."""
    shelf = Forgetful()
    late = deliver(shelf, ledger, upsert("a", 4), upsert("b", 5), min_version=5)
    assert (late.outcomes[Outcome.STALE], late.outcomes[Outcome.WRITTEN]) == (1, 1)
    assert shelf.stored == {"b": 5}


@pytest.mark.invariant("2.1", "2.7")
@pytest.mark.parametrize("cut", [False, True])
def test_a_delete_that_comes_while_an_older_write_is_under_way_wins(ledger: Ledger, *, cut: bool):
    shelf = Forgetful()
    shelf.before_write = lambda: deliver(Forgetful(), ledger, gone("a", 5), batch=2) and None
    shelf.cut = cut
    books = deliver(shelf, ledger, upsert("a", 4), upsert("b", 4))
    assert (books.outcomes[Outcome.STALE], books.outcomes[Outcome.WRITTEN]) == (1, 1)
    assert shelf.stored == {"b": 4}


@pytest.mark.invariant("2.2", "2.7")
@given(
    seen=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["shown", "hidden", "deleted"])), max_size=12),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_whatever_order_observations_arrive_the_newest_decides(ledger: Ledger, seen, order):
    items: list[Item] = []
    truth: dict[str, int] = {}
    for version, (number, state) in enumerate(seen, start=ledger.next_version() * 100):
        key = f"k{number}"
        truth.pop(key, None)
        if state == "shown":
            truth[key] = version
            items.append(upsert(key, version))
        else:
            items.append(gone(key, version))
    order.shuffle(items)
    scope = f"{SCOPE}:{ledger.next_version()}"
    shelf = Forgetful()

    async def pages() -> AsyncGenerator[Sequence[Item]]:
        for item in items:
            yield [item]

    work = Delivery(
        shelf,
        fence=lambda: None,
        record_tombstones=tombstones(ledger, scope=scope).record_tombstones,
        keep=lambda _: None,
        clock=ManualClock(),
    )
    asyncio.run(work.run(pages()))
    assert shelf.stored == truth


def test_a_tombstone_never_gets_older(ledger: Ledger):
    laid = tombstones(ledger)
    laid.record_tombstones([gone("a", 5)])
    laid.record_tombstones([gone("a", 3)])
    assert laid.record_tombstones([upsert("a", 4)]) == {"a": 5}


@pytest.mark.invariant("2.8")
def test_a_build_gets_the_deletes_that_others_made_since_it_began(ledger: Ledger):
    tombstones(ledger, batch=1).record_tombstones([gone("before", 3)])
    tombstones(ledger, batch=2).record_tombstones([gone("own", 7)])
    tombstones(ledger, batch=3).record_tombstones([gone("meanwhile", 8)])
    tombstones(ledger, batch=3, scope="store:other").record_tombstones([gone("elsewhere", 8)])
    assert tombstones(ledger, batch=2).recorded_by_others(since=5) == [gone("meanwhile", 8)]


@pytest.mark.invariant("2.6")
def test_tombstones_are_kept_for_thirty_days(ledger: Ledger, clock: ManualClock):
    laid = tombstones(ledger)
    laid.record_tombstones([gone("old", 1)])
    clock.advance(KEPT.total_seconds())
    laid.record_tombstones([gone("new", 2)])
    assert laid.forget() == 0
    clock.advance(1)
    assert laid.forget() == 1
    assert laid.record_tombstones([upsert("old", 0), upsert("new", 0)]) == {"new": 2}
    assert timedelta(days=30) == KEPT
