"""Reading a long listing by ascending id with several requests under way: ranges of ids, split as they are read.

What belongs here: which range is asked for next, and by whom. What does not: requests and parameters (``products``).

Offset paging skips and repeats records when the listing changes underneath; ``id > last`` cannot. One range covers all
ids at first; a worker without a range takes half of the one with the most left, so that ids in clusters, as imports
and purges leave them, still keep all workers busy. The topmost range has no upper end: records made meanwhile have
larger ids and are found.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from sync_pipeline.connectors.bigcommerce.merge import merge

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from sync_pipeline.connectors.bigcommerce.listing import MalformedRecord, RecordPage

T = TypeVar("T")

#: Records per worker, and how many a range must still hold to be worth splitting: a split costs half a page more.
RECORDS_PER_WORKER = 1000
MOST_WORKERS = 8
#: Pages that wait for the reader before the workers do.
BUFFERED_PAGES = 2


@dataclass(slots=True, eq=False)
class IdRange:
    """Ids above ``after`` and, if given, below ``before``; about ``remaining`` records are left in it."""

    after: int
    before: int | None
    remaining: int

    def split(self, largest: int) -> IdRange | None:
        """Give the upper half away, or None if there is nothing to halve. ``largest`` bounds an open end."""
        middle = (self.after + (self.before or largest + 1)) // 2
        if self.remaining < RECORDS_PER_WORKER or middle <= self.after:
            return None
        upper = IdRange(after=middle, before=self.before, remaining=self.remaining // 2)
        self.before = middle + 1
        self.remaining -= upper.remaining
        return upper

    @property
    def is_empty(self) -> bool:
        """Whether no id fits in."""
        return self.before is not None and self.before - self.after <= 1


@dataclass(slots=True, frozen=True)
class KeysetReader(Generic[T]):
    """Reads ranges page by page.

    ``fetch(after, before)`` gives the first page of the records with ``after`` < id < ``before``, ascending by id; the
    page's ``total`` counts all of them. ``id_of`` is None for a record whose id cannot be told. ``stuck()`` makes the
    error for an answer that has nothing beyond the last one.
    """

    fetch: Callable[[int, int | None], Awaitable[RecordPage[T]]]
    id_of: Callable[[T | MalformedRecord], int | None]
    stuck: Callable[[], Exception]

    async def read(self, ids: IdRange) -> AsyncGenerator[RecordPage[T]]:
        """Yields the pages of ``ids``, which others may split at any time.

        Ends with a page that tells it is the last.
        """
        while not ids.is_empty:
            asked = ids.before
            page = await self.fetch(ids.after, asked)
            kept = page.records if ids.before == asked else [r for r in page.records if self._is_below(r, ids.before)]
            is_whole = page.total is not None and len(page.records) >= page.total
            is_last = not page.records or is_whole or len(kept) < len(page.records)
            last = max((number for record in kept if (number := self.id_of(record)) is not None), default=ids.after)
            if not is_last and last <= ids.after:
                raise self.stuck()
            ids.after = last
            left = ids.remaining if ids.before != asked else page.total or 0
            ids.remaining = 0 if is_last else max(0, left - len(kept))
            yield replace(page, records=kept)
            if is_last:
                return

    async def read_concurrently(self, ids: IdRange, *, largest: int) -> AsyncGenerator[RecordPage[T]]:
        """Yields the pages of ``ids``, in no order, read by up to 8 workers.

        ``largest`` is about the largest id in it.
        """
        ranges, untaken = [ids], [ids]
        progress = asyncio.Event()

        def take() -> IdRange | None:
            if untaken:
                return untaken.pop()
            upper = max(ranges, key=lambda other: other.remaining).split(largest) if ranges else None
            if upper is not None:
                ranges.append(upper)
            return upper

        def tell_the_idle() -> None:
            progress.set()
            progress.clear()

        async def work() -> AsyncGenerator[RecordPage[T]]:
            while ranges:
                own = take()
                if own is None:
                    # What is left in a range is known better after each of its pages.
                    await progress.wait()
                    continue
                async with aclosing(self.read(own)) as pages:
                    async for page in pages:
                        tell_the_idle()
                        yield page
                ranges.remove(own)
                tell_the_idle()

        workers = min(MOST_WORKERS, 1 + ids.remaining // RECORDS_PER_WORKER)
        async with aclosing(merge([work() for _ in range(workers)], buffered=BUFFERED_PAGES)) as pages:
            async for page in pages:
                yield page

    def _is_below(self, record: T | MalformedRecord, before: int | None) -> bool:
        number = self.id_of(record)
        return before is None or number is None or number < before
