"""`deliver()`: a stream of items into a destination, with bounded memory and balanced books.

Items are cut into chunks by count and bytes, and a few writers send them; when all are busy the stream waits, so memory
does not grow with the source. Retries, bisection and the fence live here, once, for every destination.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sync_pipeline.clock import Clock, SystemClock
from sync_pipeline.delivery.books import Books
from sync_pipeline.delivery.retry import Backoff
from sync_pipeline.operations import (
    ChunkRejectedError,
    DestinationError,
    Filtered,
    ItemError,
    Operation,
    Outcome,
    Rejected,
    RetryableDestinationError,
    Unchanged,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from sync_pipeline.delivery.destination import Destination
    from sync_pipeline.operations import Item, ItemResult

Chunk = list[Operation]


@dataclass
class Delivery:
    """One delivery's surroundings. Blocking callables run in a thread.

    ``fence`` raises when this run may write no more (it is called before every write and before every
    acknowledgement is counted); ``keep`` stores dead letters; ``supersede`` is told the keys that got any other
    outcome; ``books`` is live, for progress.
    """

    destination: Destination
    fence: Callable[[], None]
    keep: Callable[[Sequence[Rejected]], None]
    supersede: Callable[[Sequence[str]], None] = lambda keys: None
    books: Books = field(default_factory=Books)
    writers: int = 4
    backoff: Backoff = field(default_factory=Backoff)
    clock: Clock = field(default_factory=SystemClock)

    async def run(self, pages: AsyncGenerator[Sequence[Item]]) -> Books:
        """Delivers every item of every page. Raises the first error that ends the delivery, or BooksError."""
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
        return self.books

    async def _cut(self, pages: AsyncGenerator[Sequence[Item]], queue: asyncio.Queue[Chunk | None]) -> None:
        chunk: Chunk = []
        size = 0
        async with aclosing(pages):
            async for page in pages:
                rejected = []
                settled = []
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
                            settled.append(item.key)
                        case Unchanged():
                            self.books.count(Outcome.UNCHANGED)
                            settled.append(item.key)
                        case Rejected():
                            rejected.append(item)
                await self._supersede(settled)
                await self._bury(rejected)
        if chunk:
            await queue.put(chunk)

    async def _write_all(self, queue: asyncio.Queue[Chunk | None]) -> None:
        while (chunk := await queue.get()) is not None:
            await self._deliver(chunk)

    async def _deliver(self, chunk: Chunk) -> None:
        """Writes the chunk until every operation has an outcome."""
        tried = 0
        while chunk:
            try:
                results = await self._write(chunk)
            except ChunkRejectedError as error:
                await self._bisect(chunk, error)
                return
            except RetryableDestinationError as error:
                results, asked, last = None, error.wait, error
            else:
                chunk, last = await self._settle(chunk, results)
                asked = None
                if not chunk:
                    return
            tried += 1
            if tried >= self.backoff.attempts:
                raise DestinationError(f"gave up after {tried} attempts: {last}") from last
            await self.clock.sleep(self.backoff.wait(tried, asked))

    async def _write(self, chunk: Chunk) -> Sequence[ItemResult]:
        await asyncio.to_thread(self.fence)
        results = await self.destination.write(chunk)
        await asyncio.to_thread(self.fence)
        return results

    async def _settle(self, chunk: Chunk, results: Sequence[ItemResult]) -> tuple[Chunk, RetryableDestinationError]:
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
        await self._supersede(settled)
        await self._bury(rejected)
        return again, RetryableDestinationError(busy)

    async def _bisect(self, chunk: Chunk, error: ChunkRejectedError) -> None:
        """Halves a rejected chunk until the operation that it is rejected for stands alone."""
        if len(chunk) == 1:
            await self._bury([_rejected(chunk[0], error.kind, str(error))])
            return
        middle = len(chunk) // 2
        await self._deliver(chunk[:middle])
        await self._deliver(chunk[middle:])

    async def _supersede(self, keys: Sequence[str]) -> None:
        if keys:
            await asyncio.to_thread(self.supersede, keys)

    async def _bury(self, rejected: Sequence[Rejected]) -> None:
        if not rejected:
            return
        await asyncio.to_thread(self.keep, rejected)
        for item in rejected:
            self.books.count(Outcome.DEAD_LETTERED, item.reason)


def _rejected(operation: Operation, reason: str, message: str) -> Rejected:
    return Rejected(operation.key, reason, message, operation.body or b"", operation.version)


def _first(errors: BaseExceptionGroup) -> BaseException:
    """The first single error of a group: the one that made the others stop."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
