"""`Delivery`: a stream of items into a destination, with bounded memory and balanced books.

Items are cut into chunks by count and bytes, and a few writers send them; when all are busy the stream waits, so memory
does not grow with the source. What belongs here: the stream, and what a delivery works with. What does not: how one
chunk is sent until every operation has an outcome (writing.py).
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sync_pipeline.backoff import Backoff
from sync_pipeline.clock import Clock, SystemClock
from sync_pipeline.delivery.books import Books
from sync_pipeline.delivery.cutting import cutters, stream_of
from sync_pipeline.delivery.dead_letters import DeadLetters
from sync_pipeline.delivery.error_budget import ErrorBudget
from sync_pipeline.delivery.sound_keys import sound_items
from sync_pipeline.delivery.tombstones import Tombstones
from sync_pipeline.delivery.writing import ChunkWriter, versions_of
from sync_pipeline.operations import Filtered, Operation, Outcome, Rejected, Unchanged

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.delivery.bisection import Chunk
    from sync_pipeline.delivery.cutting import Cutter
    from sync_pipeline.delivery.destination import Destination
    from sync_pipeline.operations import Item


@dataclass
class Delivery:
    """What a delivery works with; ``of`` takes most of it from a batch. The callables block, and run in a thread.

    ``fence`` raises when this run may write no more; it is called before every write and before every acknowledgement
    is counted. ``record_tombstones`` is told what is gone before it is deleted, and tells the upserts that are older
    than a delete (``Tombstones.record_tombstones``). ``keep`` stores dead letters; ``supersede`` is told the keys that
    got any other outcome, and their versions; ``on_written`` the keys that were written. ``books`` is live, for
    progress. ``min_version`` is the version after which everything in the destination was read: an upsert that is older
    has a newer one there, or its record was gone by then, so it is stale.

    ``reread`` is for a destination that is not safe to resend to. It is given operations of which nobody knows whether
    they were applied, reads them in the destination, and returns for each, in order, its outcome, or the operation of
    the same key that is to be sent instead.
    """

    destination: Destination[Any]
    fence: Callable[[], None]
    record_tombstones: Callable[[Sequence[Operation[Any] | Filtered]], Mapping[str, int]]
    keep: Callable[[Sequence[Rejected]], None]
    supersede: Callable[[Mapping[str, int]], None] = lambda versions: None
    on_written: Callable[[Sequence[str]], None] | None = None
    reread: Callable[[Sequence[Operation[Any]]], Awaitable[Sequence[Operation[Any] | Outcome]]] | None = None
    books: Books = field(default_factory=Books)
    min_version: int = 0
    writers: int = 4
    backoff: Backoff = field(default_factory=Backoff)
    budget: ErrorBudget = field(default_factory=ErrorBudget)
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        if self.reread is None and not self.destination.capabilities.safe_to_resend:
            raise ValueError("what is not safe to resend must be read again: the delivery needs `reread`")

    @classmethod
    def of(
        cls, part: BatchPart, destination: Destination[Any], *, letters: DeadLetters | None = None, **options: Any
    ) -> Delivery:
        """Returns a delivery of a batch: behind the fence of its lane, with the tombstones and letters of its scope.

        ``letters`` are the batch's own where several deliveries share them; ``options`` are the other attributes.
        """
        letters = letters or DeadLetters.of(part)
        wired: dict[str, Any] = {
            "fence": part.lane.check,
            "record_tombstones": Tombstones.of(part).record_tombstones,
            "keep": letters.add,
            "supersede": letters.supersede,
            "clock": part.ledger.clock,
        }
        return cls(destination, **(wired | options))

    async def run(self, pages: AsyncGenerator[Sequence[Item]]) -> Books:
        """Delivers every item of every page.

        Raises the first error that ends the delivery, ErrorBudgetError when too many records fail, or BooksError.
        """
        streams = cutters(self.destination, self.writers)
        ahead = self.writers // len(streams)
        queues: list[asyncio.Queue[Chunk | None]] = [asyncio.Queue(maxsize=ahead) for _ in streams]
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self.writers):
                    group.create_task(self._write_all(queues[number % len(queues)]))
                await self._cut(pages, streams, queues)
                for number in range(self.writers):
                    await queues[number % len(queues)].put(None)
        except ExceptionGroup as errors:
            raise _first(errors) from errors
        self.books.check()
        self.budget.check(self.books, ended=True)
        return self.books

    async def _cut(
        self,
        pages: AsyncGenerator[Sequence[Item]],
        streams: Sequence[Cutter],
        queues: Sequence[asyncio.Queue[Chunk | None]],
    ) -> None:
        async with aclosing(pages):
            async for items in pages:
                page = sound_items(items)
                self.books.enter(page)
                settled: list[tuple[Filtered | Unchanged | Operation[Any], Outcome, str | None]] = []
                for item in page:
                    match item:
                        case Operation():
                            number = stream_of(item.key, len(streams))
                            if streams[number].is_overtaken(item):
                                settled.append((item, Outcome.STALE, None))
                            elif chunk := streams[number].add(item):
                                await queues[number].put(chunk)
                        case Filtered():
                            settled.append((item, Outcome.FILTERED, item.reason))
                        case Unchanged():
                            settled.append((item, Outcome.UNCHANGED, None))
                if filtered := [item for item in page if isinstance(item, Filtered)]:
                    await asyncio.to_thread(self.record_tombstones, filtered)
                for item, outcome, reason in settled:
                    self.books.settle(item, outcome, reason)
                if settled:
                    await asyncio.to_thread(self.supersede, versions_of(item for item, _, _ in settled))
                await self.give_up([item for item in page if isinstance(item, Rejected)])
        for stream, queue in zip(streams, queues, strict=True):
            if chunk := stream.rest():
                await queue.put(chunk)

    async def _write_all(self, queue: asyncio.Queue[Chunk | None]) -> None:
        writer = ChunkWriter(self)
        while (chunk := await queue.get()) is not None:
            await writer.deliver(chunk)

    async def give_up(self, rejected: Sequence[Rejected]) -> None:
        """Stores records as dead letters. Raises ErrorBudgetError when they are too many."""
        if not rejected:
            return
        await asyncio.to_thread(self.keep, rejected)
        for item in rejected:
            self.books.settle(item, Outcome.DEAD_LETTERED, item.reason)
        self.budget.check(self.books)


def _first(errors: BaseExceptionGroup) -> BaseException:
    """Returns the first single error of a group: the one that made the others stop."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
