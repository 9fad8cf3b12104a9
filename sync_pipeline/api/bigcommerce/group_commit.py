"""Storing events in groups: those that arrive while one transaction is under way are written together by the next.

So a store that tells of thousands of edits costs few transactions, and a single event waits for nobody. Each request is
answered only after the commit of its own group, and a group that fails fails its own requests and no others.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from sync_pipeline.errors import ServiceUnavailableError, SyncPipelineError, one_line
from sync_pipeline.logs import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sync_pipeline.pipelines.store_search.events.inbox import NewEvent

LARGEST_GROUP = 500
MOST_WAITING = 10_000
#: After which a request is answered that its event could not be stored (it may be, later: that does no harm).
ANSWER_SECONDS = 10.0

log = Log("sync_pipeline.api")


class NotStoredError(ServiceUnavailableError):
    """The event was not stored, or nobody knows whether it was: it must be sent again."""

    kind = "not_stored"


class EventWriter:
    """Writes events with ``store``, which takes a group and returns the stores that there are, in its own thread."""

    def __init__(self, store: Callable[[Sequence[NewEvent]], Collection[str]]) -> None:
        self._store = store
        self._waiting: list[tuple[NewEvent, asyncio.Future[bool]]] = []
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "events")

    async def write(self, event: NewEvent) -> bool:
        """Stores the event: True after its commit, False if its store was removed. Raises NotStoredError."""
        if len(self._waiting) >= MOST_WAITING:
            raise NotStoredError(f"{MOST_WAITING} events wait to be stored already")
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, stored))
        self._arrived.set()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await stored
        except TimeoutError:
            raise NotStoredError(f"the event could not be stored within {ANSWER_SECONDS:g} s") from None

    async def run(self) -> None:
        """Writes group after group, until it is cancelled."""
        try:
            while True:
                await self._arrived.wait()
                group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
                if not self._waiting:
                    self._arrived.clear()
                await self._write(group)
        finally:
            self._thread.shutdown(wait=False)

    async def _write(self, group: list[tuple[NewEvent, asyncio.Future[bool]]]) -> None:
        events = [event for event, _ in group]
        try:
            there = await asyncio.get_running_loop().run_in_executor(self._thread, self._store, events)
        except Exception as error:  # noqa: BLE001 - whatever it is, its requests are told and the next group goes on
            reason = one_line(error) if isinstance(error, SyncPipelineError) else type(error).__name__
            log.error("events not stored", events=len(group), reason=reason)
            for _, stored in group:
                if not stored.done():
                    stored.set_exception(NotStoredError(reason))
            return
        for event, stored in group:
            if not stored.done():  # its request gave up
                stored.set_result(event.store_hash in there)
