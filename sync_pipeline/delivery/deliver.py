"""`deliver()`: a stream of items into a destination, with bounded memory and balanced books.

Items are cut into chunks by count and bytes, and a few writers send them; when all are busy the stream waits, so memory
does not grow with the source. Retries, bisection and the fence live here, once, for every destination.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sync_pipeline.backoff import Backoff
from sync_pipeline.clock import Clock, SystemClock
from sync_pipeline.delivery.bisection import Refused, find_refused
from sync_pipeline.delivery.books import Books
from sync_pipeline.delivery.error_budget import ErrorBudget
from sync_pipeline.operations import (
    Action,
    ChunkRejectedError,
    Filtered,
    ItemError,
    Operation,
    Outcome,
    Rejected,
    RetryableDestinationError,
    Unchanged,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from sync_pipeline.delivery.bisection import Chunk
    from sync_pipeline.delivery.destination import Destination
    from sync_pipeline.operations import Item, ItemResult


@dataclass
class Delivery:
    """One delivery's surroundings. Blocking callables run in a thread.

    ``fence`` raises when this run may write no more (it is called before every write and before every acknowledgement
    is counted); ``record_tombstones`` is told what is gone before it is deleted, and tells the upserts that are older
    than a delete (``Tombstones.record_tombstones``); ``keep`` stores dead letters; ``supersede`` is told the keys that
    got any other outcome, ``on_written`` those that were written; ``books`` is live, for progress. ``min_version`` is
    the version after which everything in the destination was read: an upsert that is older has a newer one there, or
    its record was gone by then, so it is stale.
    """

    destination: Destination
    fence: Callable[[], None]
    record_tombstones: Callable[[Sequence[Operation | Filtered]], Mapping[str, int]]
    keep: Callable[[Sequence[Rejected]], None]
    supersede: Callable[[Sequence[str]], None] = lambda keys: None
    on_written: Callable[[Sequence[str]], None] = lambda keys: None
    books: Books = field(default_factory=Books)
    min_version: int = 0
    writers: int = 4
    backoff: Backoff = field(default_factory=Backoff)
    budget: ErrorBudget = field(default_factory=ErrorBudget)
    clock: Clock = field(default_factory=SystemClock)

    async def run(self, pages: AsyncGenerator[Sequence[Item]]) -> Books:
        """Delivers every item of every page.

        Raises the first error that ends the delivery, ErrorBudgetError when too many records fail, or BooksError.
        """
        queue: asyncio.Queue[Chunk | None] = asyncio.Queue(maxsize=self.writers)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.writers):
                    group.create_task(self._write_all(queue))
                await self._cut(pages, queue)
                for _ in range(self.writers):
                    await queue.put(None)
        except ExceptionGroup as errors:
            raise _first(errors) from errors
        self.books.check()
        self.budget.check(self.books, ended=True)
        return self.books

    async def _cut(self, pages: AsyncGenerator[Sequence[Item]], queue: asyncio.Queue[Chunk | None]) -> None:
        chunk: Chunk = []
        size = 0
        async with aclosing(pages):
            async for page in pages:
                rejected: list[Rejected] = []
                filtered: list[Filtered] = []
                settled: list[str] = []
                for item in page:
                    if isinstance(item, Operation) and item.absent:
                        self.books.absent += 1
                    else:
                        self.books.read += 1
                    match item:
                        case Operation():
                            length = len(item.body or b"")
                            full = len(chunk) >= self.destination.max_items
                            if chunk and (full or size + length > self.destination.max_bytes):
                                await queue.put(chunk)
                                chunk, size = [], 0
                            chunk.append(item)
                            size += length
                        case Filtered():
                            self.books.count(Outcome.FILTERED, item.reason)
                            filtered.append(item)
                            settled.append(item.key)
                        case Unchanged():
                            self.books.count(Outcome.UNCHANGED)
                            settled.append(item.key)
                        case Rejected():
                            rejected.append(item)
                if filtered:
                    await asyncio.to_thread(self.record_tombstones, filtered)
                await self._supersede(settled)
                await self._give_up(rejected)
        if chunk:
            await queue.put(chunk)

    async def _write_all(self, queue: asyncio.Queue[Chunk | None]) -> None:
        while (chunk := await queue.get()) is not None:
            await self._deliver(chunk)

    async def _deliver(self, chunk: Chunk) -> None:
        """Writes the chunk until every operation has an outcome. One that is too large goes in halves."""
        while chunk:
            refused = await self._send(chunk)
            if refused is None:
                return
            chunk = refused.operations
            if len(chunk) > 1 and sum(len(one.body or b"") for one in chunk) > self.destination.max_bytes:
                middle = len(chunk) // 2
                await self._deliver(chunk[:middle])
                chunk = chunk[middle:]
            else:
                alone, chunk = await find_refused(refused, self._send)
                if alone is not None:
                    [operation] = alone.operations
                    await self._give_up([_rejected(operation, alone.error.kind, str(alone.error))])

    async def _send(self, chunk: Chunk) -> Refused | None:
        """Writes the chunk until every operation has an outcome, or what is left of it is refused as a whole."""
        tried = 0
        while True:
            try:
                results = await self._write(chunk)
            except ChunkRejectedError as error:
                return Refused(chunk, error)
            except RetryableDestinationError as error:
                asked, last = error.wait, error
            else:
                chunk, last = await self._account(chunk, results)
                asked = None
                if not chunk:
                    return None
            tried += 1
            if tried >= self.backoff.attempts:
                raise RetryableDestinationError(f"gave up after {tried} attempts: {last}", wait=asked) from last
            await self.clock.sleep(self.backoff.wait(tried, asked))

    async def _write(self, chunk: Chunk) -> Sequence[ItemResult]:
        """Writes the chunk; an upsert that is older than a tombstone goes as the delete that the tombstone says.

        The tombstones are asked again after the write: a delete that came between may have been there first, and
        forgotten by the destination.
        """
        await asyncio.to_thread(self.fence)
        too_old = {op.key: self.min_version for op in chunk if op.version < self.min_version}
        gone_at = {**too_old, **await asyncio.to_thread(self.record_tombstones, chunk)}
        answered = await self.destination.write([_as_delete(operation, gone_at) for operation in chunk])
        await asyncio.to_thread(self.fence)
        alive = [op for op in chunk if op.action is Action.UPSERT and not _is_older(op, gone_at)]
        late = await asyncio.to_thread(self.record_tombstones, alive) if alive else {}
        results: list[ItemResult] = []
        for operation, result in zip(chunk, answered, strict=True):
            if _is_older(operation, late):
                results += await self._write([operation])
            elif _is_older(operation, gone_at) and not isinstance(result, ItemError):
                results.append(Outcome.STALE)
            else:
                results.append(result)
        return results

    async def _account(self, chunk: Chunk, results: Sequence[ItemResult]) -> tuple[Chunk, RetryableDestinationError]:
        """Counts what is final; returns the operations that the destination was only too busy for."""
        again: Chunk = []
        rejected: list[Rejected] = []
        settled: list[str] = []
        busy = ""
        for operation, result in zip(chunk, results, strict=True):
            if not isinstance(result, ItemError):
                self.books.count(result)
                settled.append(operation.key)
            elif result.retryable:
                again.append(operation)
                busy = result.message
            else:
                rejected.append(_rejected(operation, result.reason, result.message))
        self.on_written([op.key for op, result in zip(chunk, results, strict=True) if result is Outcome.WRITTEN])
        await self._supersede(settled)
        await self._give_up(rejected)
        return again, RetryableDestinationError(busy)

    async def _supersede(self, keys: Sequence[str]) -> None:
        if keys:
            await asyncio.to_thread(self.supersede, keys)

    async def _give_up(self, rejected: Sequence[Rejected]) -> None:
        if not rejected:
            return
        await asyncio.to_thread(self.keep, rejected)
        for item in rejected:
            self.books.count(Outcome.DEAD_LETTERED, item.reason)
        self.budget.check(self.books)


def _rejected(operation: Operation, reason: str, message: str) -> Rejected:
    return Rejected(operation.key, reason, message, operation.body or b"", operation.version)


def _is_older(operation: Operation, gone_at: Mapping[str, int]) -> bool:
    return operation.action is Action.UPSERT and operation.version < gone_at.get(operation.key, 0)


def _as_delete(operation: Operation, gone_at: Mapping[str, int]) -> Operation:
    if not _is_older(operation, gone_at):
        return operation
    return Operation(operation.key, gone_at[operation.key], Action.DELETE)


def _first(errors: BaseExceptionGroup) -> BaseException:
    """The first single error of a group: the one that made the others stop."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
