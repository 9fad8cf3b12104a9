"""`Delivery` into a versioned destination that fails as scripted: nothing lost, books balanced, memory bounded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from math import log2
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.backoff import Backoff
from sync_pipeline.delivery.books import Books, BooksError
from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.errors import SyncPipelineError
from sync_pipeline.operations import (
    Action,
    Capabilities,
    ChunkRejectedError,
    DestinationError,
    Filtered,
    Item,
    ItemError,
    ItemResult,
    Operation,
    Outcome,
    Rejected,
    RetryableDestinationError,
)
from sync_pipeline_tests.clocks import ManualClock


class Shelf:
    """A destination in memory: keeps the highest version of every key, and fails as its script says."""

    capabilities = Capabilities()
    max_items = 10
    max_bytes = 1000

    def __init__(self, script: Iterator[str] | None = None, poison: frozenset[str] = frozenset()) -> None:
        self.script = script or iter(())
        self.poison = poison
        self.stored: dict[str, int] = {}
        self.chunks: list[int] = []
        self.writing = 0
        self.most_writing = 0

    async def write(self, operations: Sequence[Operation]) -> Sequence[ItemResult]:
        self.chunks.append(len(operations))
        self.writing += 1
        self.most_writing = max(self.most_writing, self.writing)
        try:
            await self.pause()
            return self._write(operations)
        finally:
            self.writing -= 1

    async def pause(self) -> None:
        await asyncio.sleep(0)

    def _write(self, operations: Sequence[Operation]) -> Sequence[ItemResult]:
        fault = next(self.script, "")
        if fault == "away":
            raise RetryableDestinationError("connection refused")
        if self.poison & {operation.key for operation in operations}:
            raise ChunkRejectedError("malformed")
        results: list[ItemResult] = []
        for position, operation in enumerate(operations):
            if fault == "half busy" and position % 2:
                results.append(ItemError("429", "busy", retryable=True))
            elif operation.version < self.stored.get(operation.key, 0):
                results.append(Outcome.STALE)
            else:
                self.stored[operation.key] = operation.version
                deleted = operation.action is Action.DELETE
                results.append(Outcome.DELETED if deleted else Outcome.WRITTEN)
        if fault == "cut":  # applied, but the answer was lost
            raise RetryableDestinationError("connection cut")
        return results


SURROUNDINGS: dict[str, Any] = {"fence": lambda: None, "record_tombstones": lambda items: {}}


class Kept(list[Rejected]):
    def keep(self, items: Sequence[Rejected]) -> None:
        self.extend(items)


async def pages_of(*pages: Sequence[Item]) -> AsyncGenerator[Sequence[Item]]:
    for page in pages:
        yield page


def operations(count: int, *, size: int = 10) -> list[Operation]:
    return [Operation(f"k{number}", number + 1, body=b"x" * size) for number in range(count)]


def delivery(shelf: Any, kept: Kept | None = None, **options) -> Delivery:
    kept = Kept() if kept is None else kept
    return Delivery(shelf, **(SURROUNDINGS | {"keep": kept.keep, "clock": ManualClock()} | options))


@pytest.mark.invariant("3.1")
async def test_every_item_gets_exactly_one_outcome():
    kept = Kept()
    shelf = Shelf()
    items = [*operations(25), Filtered("h", "hidden"), Rejected("r", "malformed", "no name")]
    books = await delivery(shelf, kept).run(pages_of(items[:7], [], items[7:]))
    assert books.as_dict() == {
        "read": 27,
        "absent": 0,
        "written": 25,
        "deleted": 0,
        "unchanged": 0,
        "stale": 0,
        "filtered": 1,
        "dead_lettered": 1,
        "reasons": {"dead_lettered:malformed": 1, "filtered:hidden": 1},
    }
    assert [item.key for item in kept] == ["r"]


@pytest.mark.invariant("3.1", "3.2")
async def test_a_key_that_only_the_destination_has_is_absent_and_not_read():
    deletes = [Operation("x", 7, Action.DELETE, absent=True), Operation("y", 8, Action.DELETE)]
    books = await delivery(Shelf()).run(pages_of([*operations(2), *deletes]))
    assert (books.read, books.absent, books.accounted) == (3, 1, 4)


@pytest.mark.invariant("3.1")
async def test_record_of_several_documents_is_booked_once():
    parts = [Operation(f"r1#{number}", 1, body=b"x", record="r1") for number in range(25)]
    whole = [Operation(f"r2#{number}", 1, body=b"x", record="r2") for number in range(3)]
    books = await delivery(Shelf(poison=frozenset({"r1#7"}))).run(pages_of([*parts, *whole], operations(1)))
    assert (books.read, books.outcomes[Outcome.DEAD_LETTERED], books.outcomes[Outcome.WRITTEN]) == (3, 1, 2)


async def test_callbacks_that_block_run_outside_the_event_loop():
    threads: set[int] = set()

    def blocks(*_: object) -> None:
        threads.add(threading.get_ident())

    options: dict[str, Any] = {"on_written": blocks, "supersede": blocks, "keep": blocks}
    await delivery(Shelf(), None, **options).run(pages_of([*operations(3), Rejected("r", "malformed", "no")]))
    assert threads
    assert threading.get_ident() not in threads


async def test_chunks_keep_both_bounds_and_a_document_larger_than_the_bound_goes_alone():
    shelf = Shelf()
    big = Operation("big", 1, body=b"x" * 5000)
    await delivery(shelf).run(pages_of([*operations(10, size=300), big, *operations(12)]))
    assert max(shelf.chunks) <= 10
    assert sorted(shelf.chunks) == sorted([3, 3, 3, 1, 1, 10, 2])


@pytest.mark.invariant("6.1")
@given(st.sets(st.integers(0, 63), max_size=5))
@settings(max_examples=25, deadline=None)
def test_a_poisoned_record_costs_at_most_log2_extra_requests_and_only_itself(bad: set[int]):
    poison = frozenset(f"k{number}" for number in bad)
    shelf, kept = Shelf(poison=poison), Kept()
    shelf.max_items = 64
    asyncio.run(delivery(shelf, kept).run(pages_of(operations(64))))
    assert {item.key for item in kept} == poison
    assert len(shelf.stored) == 64 - len(poison)
    # Who knew the bad records would need two requests for each: that record alone, and then all others again.
    assert len(shelf.chunks) <= 1 + (2 + log2(64)) * len(poison)


@pytest.mark.invariant("1.3", "2.1", "3.1", "6.2", "6.4")
@given(
    faults=st.lists(st.sampled_from(["", "away", "cut", "half busy"]), max_size=30),
    keys=st.lists(st.integers(0, 12), max_size=60),
)
@settings(max_examples=60, deadline=None)
def test_under_any_passing_faults_the_newest_version_wins_and_the_books_balance(faults: list[str], keys: list[int]):
    shelf = Shelf(iter(faults))
    items = [Operation(f"k{key}", version) for version, key in enumerate(keys, start=1)]
    books = asyncio.run(delivery(shelf, backoff=Backoff(attempts=40)).run(pages_of(items)))
    assert shelf.stored == {f"k{key}": version for version, key in enumerate(keys, start=1)}
    assert books.outcomes[Outcome.WRITTEN] + books.outcomes[Outcome.STALE] == len(items)


@pytest.mark.invariant("6.2", "6.4")
async def test_a_destination_that_stays_away_ends_the_delivery_after_waiting_longer_and_longer():
    shelf, clock = Shelf(iter(["away"] * 100)), ManualClock()
    work = delivery(shelf, clock=clock, writers=1, backoff=Backoff(attempts=5))
    with pytest.raises(DestinationError, match="gave up after 5 attempts: connection refused"):
        await work.run(pages_of(operations(3)))
    assert len(clock.slept) == 4
    assert shelf.stored == {}


@pytest.mark.invariant("6.3")
async def test_the_services_own_waiting_time_is_kept():
    class Throttled(Shelf):
        def _write(self, operations: Sequence[Operation]) -> Sequence[ItemResult]:
            if len(self.chunks) == 1:
                raise RetryableDestinationError("busy", wait=17.0)
            return super()._write(operations)

    clock = ManualClock()
    await delivery(Throttled(), clock=clock).run(pages_of(operations(1)))
    assert clock.slept == [17.0]


@pytest.mark.invariant("8.3", "8.4")
@pytest.mark.parametrize("allowed", [0, 1])
async def test_a_fenced_run_stops_before_it_writes_or_counts(allowed: int):
    shelf = Shelf()
    calls = iter(range(100))

    def fence() -> None:
        if next(calls) >= allowed:
            raise SyncPipelineError("fenced")

    work = delivery(shelf, fence=fence, writers=1)
    with pytest.raises(SyncPipelineError, match="fenced"):
        await work.run(pages_of(operations(5)))
    assert len(shelf.chunks) == allowed
    assert work.books.outcomes.total() == 0


class SlowShelf(Shelf):
    """Answers nothing before three writes are under way."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = asyncio.Event()

    async def pause(self) -> None:
        if self.writing == 3:
            self.busy.set()
        await self.busy.wait()


async def test_the_source_waits_for_a_slow_destination():
    shelf = SlowShelf()
    ahead: list[int] = []
    read = 0

    async def source() -> AsyncGenerator[Sequence[Item]]:
        nonlocal read
        for operation in operations(2000):
            read += 1
            ahead.append(read - len(shelf.stored))
            yield [operation]

    await delivery(shelf, writers=3).run(source())
    # 3 chunks being written, 3 queued, one being filled and one in hand, of 10 operations each.
    assert max(ahead) <= (3 + 3 + 2) * 10
    assert shelf.most_writing == 3


@pytest.mark.invariant("3.6", "4.1")
async def test_a_source_that_breaks_ends_the_delivery_with_its_error_and_is_closed():
    closed = False

    async def source() -> AsyncGenerator[Sequence[Item]]:
        nonlocal closed
        try:
            yield operations(5)
            raise SyncPipelineError("the listing is incomplete")
        finally:
            closed = True

    with pytest.raises(SyncPipelineError, match="the listing is incomplete"):
        await delivery(Shelf()).run(source())
    assert closed


@pytest.mark.invariant("3.5")
def test_books_that_do_not_balance_are_an_error():
    books = Books(read=2)
    books.count(Outcome.WRITTEN)
    with pytest.raises(BooksError, match=r"2 read \+ 0 absent, but 1 accounted for"):
        books.check()
