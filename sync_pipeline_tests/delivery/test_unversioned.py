"""A destination that knows no versions: whatever becomes of its requests, the newest write of a key stays."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.backoff import Backoff
from sync_pipeline.delivery.books import Books
from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.operations import (
    Action,
    Capabilities,
    ChunkRejectedError,
    Item,
    ItemError,
    ItemResult,
    Operation,
    Outcome,
    Rejected,
    RetryableDestinationError,
)
from sync_pipeline_tests.clocks import ManualClock

ATTEMPTS = Backoff(attempts=60)


class Board:
    """A dict of what was written last, behind a connection that fails as its chance has it.

    A version is the whole body, so what is stored tells which write was the last.
    """

    max_items = 4
    max_bytes = 10_000
    capabilities = Capabilities(versioned=False)

    def __init__(self, chance: random.Random, *, faults: float = 0.0, poison: frozenset[int] = frozenset()) -> None:
        self.chance = chance
        self.faults = faults
        self.poison = poison
        self.stored: dict[str, int] = {}
        self.chunks: list[list[Operation[int]]] = []

    async def write(self, operations: Sequence[Operation[int]]) -> Sequence[ItemResult]:
        self.chunks.append(list(operations))
        for _ in range(self.chance.randrange(4)):
            await asyncio.sleep(0)
        fault = self.chance.choice(["refused", "away", "lost", "half busy"]) if self._strikes() else ""
        if fault == "refused":
            raise RetryableDestinationError("429", refused=True)
        if fault == "away":
            raise RetryableDestinationError("no connection")
        if any(operation.version in self.poison for operation in operations):
            raise ChunkRejectedError("malformed")
        results = [self._apply(operation, busy=fault == "half busy" and self._strikes()) for operation in operations]
        for _ in range(self.chance.randrange(4)):
            await asyncio.sleep(0)
        if fault == "lost":
            raise RetryableDestinationError("no answer")
        return results

    def _strikes(self) -> bool:
        return self.chance.random() < self.faults

    def _apply(self, operation: Operation[int], *, busy: bool) -> ItemResult:
        if busy:
            return ItemError("busy", "later", retryable=True)
        if operation.action is Action.DELETE:
            self.stored.pop(operation.key, None)
            return Outcome.DELETED
        assert operation.body is not None
        self.stored[operation.key] = operation.body
        return Outcome.WRITTEN


async def pages_of(pages: Sequence[Sequence[Item]]) -> AsyncGenerator[Sequence[Item]]:
    for page in pages:
        yield page


def delivery(board: Any, **options: Any) -> Delivery:
    wired: dict[str, Any] = {
        "fence": lambda: None,
        "record_tombstones": lambda _: {},
        "keep": lambda _: None,
        "backoff": ATTEMPTS,
        "clock": ManualClock(),
    }
    return Delivery(board, **(wired | options))


def operation(key: int, version: int, action: Action = Action.UPSERT) -> Operation[int]:
    return Operation(f"k{key}", version, action, body=version if action is Action.UPSERT else None, size=8)


writes = st.tuples(st.integers(0, 5), st.integers(1, 40), st.sampled_from([*[Action.UPSERT] * 3, Action.DELETE]))


@pytest.mark.invariant("2.2", "2.3", "3.1")
@given(
    pages=st.lists(st.lists(writes, max_size=8), max_size=8),
    poison=st.frozensets(st.integers(1, 40), max_size=3),
    writers=st.integers(1, 5),
    seed=st.integers(),
)
@settings(max_examples=150, deadline=None)
def test_newest_write_of_a_key_wins_without_versions(pages, poison, writers, seed):
    board = Board(random.Random(seed), faults=0.3, poison=poison)
    items = [[operation(key, version, action) for key, version, action in page] for page in pages]
    kept: list[Rejected] = []
    books = asyncio.run(delivery(board, writers=writers, keep=kept.extend).run(pages_of(items)))
    expected: dict[str, Operation[int]] = {}
    newest: Counter[str] = Counter()
    stale = 0
    for one in (one for page in items for one in page):
        stale += one.version < newest[one.key]
        newest[one.key] = max(newest[one.key], one.version)
        if one.version == newest[one.key] and one.version not in poison:
            expected[one.key] = one
    assert board.stored == {key: one.body for key, one in expected.items() if one.action is Action.UPSERT}
    assert books.outcomes[Outcome.STALE] == stale
    assert books.outcomes[Outcome.DEAD_LETTERED] == len(kept)


@pytest.mark.invariant("2.2")
async def test_older_write_is_stale_and_never_sent():
    board = Board(random.Random(1))
    books = await delivery(board).run(pages_of([[operation(1, 5)], [operation(1, 3)], [operation(1, 5)]]))
    assert [one.version for chunk in board.chunks for one in chunk] == [5, 5]
    assert (books.outcomes[Outcome.WRITTEN], books.outcomes[Outcome.STALE]) == (2, 1)


async def test_key_is_at_most_once_in_a_chunk():
    board = Board(random.Random(1))
    await delivery(board).run(pages_of([[operation(1, version) for version in range(1, 9)]]))
    assert [len(chunk) for chunk in board.chunks] == [1] * 8
    assert board.stored == {"k1": 8}


class Sheet(Board):
    """Rows that are appended: a write that is sent twice is there twice."""

    capabilities = Capabilities(versioned=False, idempotent=False, safe_to_resend=False)

    def __init__(self, chance: random.Random, *, faults: float = 0.0) -> None:
        super().__init__(chance, faults=faults)
        self.rows: list[str] = []
        self.reread: list[str] = []

    def _apply(self, operation: Operation[int], *, busy: bool) -> ItemResult:
        if busy:
            return ItemError("busy", "later", retryable=True)
        self.rows.append(operation.key)
        return Outcome.WRITTEN

    async def read_again(self, operations: Sequence[Operation[int]]) -> Sequence[Operation[int] | Outcome]:
        self.reread += [operation.key for operation in operations]
        if self._strikes():
            raise RetryableDestinationError("no connection")
        return [Outcome.WRITTEN if one.key in self.rows else one for one in operations]


@pytest.mark.invariant("1.3", "3.1")
@given(keys=st.sets(st.integers(0, 40)), writers=st.integers(1, 4), seed=st.integers())
@settings(max_examples=100, deadline=None)
def test_operation_whose_answer_was_lost_is_read_before_it_is_sent_anew(keys: set[int], writers: int, seed: int):
    sheet = Sheet(random.Random(seed), faults=0.4)
    pages = [[operation(key, 1) for key in sorted(keys)]]
    books = asyncio.run(delivery(sheet, writers=writers, reread=sheet.read_again).run(pages_of(pages)))
    assert Counter(sheet.rows) == {f"k{key}": 1 for key in keys}
    assert books.outcomes[Outcome.WRITTEN] == len(keys)


async def test_operation_that_was_refused_is_sent_again_without_reading():
    class Busy(Sheet):
        async def write(self, operations: Sequence[Operation[int]]) -> Sequence[ItemResult]:
            if not self.chunks:
                self.chunks.append([])
                raise RetryableDestinationError("429", refused=True)
            return await super().write(operations)

    sheet = Busy(random.Random(1))
    books: Books = await delivery(sheet, reread=sheet.read_again).run(pages_of([[operation(1, 1)]]))
    assert (sheet.rows, sheet.reread, books.outcomes[Outcome.WRITTEN]) == (["k1"], [], 1)


def test_destination_that_is_not_safe_to_resend_needs_a_reading():
    with pytest.raises(ValueError, match="reread"):
        delivery(Sheet(random.Random(1)))
    with pytest.raises(ValueError, match="not idempotent"):
        Capabilities(idempotent=False)
