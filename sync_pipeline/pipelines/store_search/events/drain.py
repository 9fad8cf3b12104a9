"""The drain: a store's webhook events, applied to its indices until no more come.

Claim → fetch the current records → deliver → acknowledge, again and again. Events carry no state, so their order and
their repetition do not matter. What belongs here: the loop, its ends, and events that cannot be done. What does not:
the queue (claims.py), what an event is about (scopes.py), and what a group of them needs (apply.py).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from sync_pipeline.batches.lanes import Lane
from sync_pipeline.batches.queue import kept_waiting
from sync_pipeline.connectors.bigcommerce.errors import (
    BigCommerceError,
)
from sync_pipeline.delivery.books import Books, BooksError
from sync_pipeline.errors import Retry, ServiceUnavailableError, SyncPipelineError, one_line
from sync_pipeline.logs import Log
from sync_pipeline.operations import Rejected, RetryableDestinationError
from sync_pipeline.pipelines.store_search.events.apply import EventWork
from sync_pipeline.pipelines.store_search.events.claims import POISON_AFTER, EventClaims, listening
from sync_pipeline.pipelines.store_search.events.groups import EventBooks, EventGroup
from sync_pipeline.pipelines.store_search.events.targets import EventDelivery
from sync_pipeline.pipelines.store_search.index.ownership import open_indices
from sync_pipeline.pipelines.store_search.source.reference_data import ReferenceData
from sync_pipeline.pipelines.store_search.types import EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.pipelines.store_search.events.models import WebhookEvent
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch
    from sync_pipeline.pipelines.store_search.stores.models import Store

log = Log("sync_pipeline.store_search")

#: How many events are claimed at once.
GROUP = 1000
#: Seconds. A drain waits so long for more, and ends after so much in all, or after its turn when batches are kept
#: waiting; groups begin at most once in PACE.
LINGER, LONGEST, TURN, PACE = 60.0, 600.0, 60.0, 1.0
POLL = 0.5
#: So long it waits for what is away, looking again after so much (seconds).
PATIENCE, REST = 300.0, 2.0
#: When so many keys in a row fail alone, it is not they that are broken.
MOST_POISONED = 20


@dataclass
class Drain:
    """One drain of one store, under the batch ``part``."""

    pipeline: StoreSearch
    part: BatchPart
    store: Store
    linger: float = LINGER
    longest: float = LONGEST
    turn: float = TURN
    patience: float = PATIENCE
    books: EventBooks = field(default_factory=EventBooks)
    delivered: Books = field(default_factory=Books)
    _poisoned: int = 0
    #: When it began, when an event was last applied, and when everything was last there that it takes.
    _began: float = 0.0
    _busy: float = 0.0
    _well: float = 0.0

    async def run(self) -> dict[str, Any]:
        """Works until no event came for ``linger`` seconds, ``longest`` at most; the figures, recorded in the ledger.

        While PostgreSQL or the search cluster is away it waits, ``patience`` seconds at most. Raises what ends it
        early; events that it had claimed by then are taken again by the next drain.
        """
        clock = self.pipeline.clock
        lane = self.part.lane
        assert isinstance(lane, Lane)  # noqa: S101 - what asks for drains asks for one
        claims = EventClaims(self.part.ledger, lane, self.part.batch)
        self.part.progress[EVENTS] = self._stats
        self._began = self._busy = self._well = clock.monotonic()
        told = 0.0
        try:
            while True:
                try:
                    await self._work_off(claims)
                    break
                except (ServiceUnavailableError, RetryableDestinationError) as error:
                    # A store that is away would hold one of the few runs at once, and others have work for it.
                    if isinstance(error, BigCommerceError) or clock.monotonic() - self._well >= self.patience:
                        raise
                    if told != self._well:
                        log.warning("drain waits", store=self.store.hash, error=one_line(error))
                    told = self._well
                await clock.sleep(REST)
        finally:
            # Whoever gets here lives: the end of this drain is not held against the events that it has in hand.
            with suppress(SyncPipelineError):
                await asyncio.to_thread(claims.release_claims)
        if not self.books.balance:
            raise BooksError(f"the books of events do not balance: {dict(self.books.counts)}")
        stats = {**self._stats(), "finished_at": clock.now().isoformat()}
        await asyncio.to_thread(self.part.record, EVENTS, stats)
        return stats

    async def _work_off(self, claims: EventClaims) -> None:
        """Applies events until no more come. Begins as if nothing had been claimed, read or connected before."""
        ledger, batch, clock = self.part.ledger, self.part.batch, self.pipeline.clock
        await asyncio.to_thread(claims.release_claims)
        await asyncio.to_thread(claims.requeue_orphaned)
        async with AsyncExitStack() as stack:
            cluster = await stack.enter_async_context(self.pipeline.cluster())
            await cluster.check()
            identity = await open_indices(cluster, self.store.hash, self.part)
            catalog = await stack.enter_async_context(self.pipeline.catalog(self.store))
            wait = await asyncio.to_thread(stack.enter_context, listening(ledger, self.store.hash))
            facts = await stack.enter_async_context(
                ReferenceData(catalog, ledger, scope=batch.scope, batch_id=batch.id, clock=clock)
            )
            delivery = EventDelivery(cluster, self.store, self.part, clock, identity, deepcopy(self.delivered))
            work = EventWork(self.pipeline, self.part, self.store, catalog, facts, delivery)
            while True:
                at = clock.monotonic()
                together = await self._apply_claimed(partial(claims.take, GROUP), claims, work)
                alone = await self._apply_claimed(claims.take_alone, claims, work)
                if together or alone:
                    self._busy = clock.monotonic()
                    pace = 0.0 if alone else min(PACE, self.linger)
                    await clock.sleep(max(0.0, pace - (self._busy - at)))
                elif at - self._busy >= self.linger:
                    return
                else:
                    await asyncio.to_thread(wait, min(POLL, self.linger))
                self._well = clock.monotonic()
                if await self._is_over(self._well - self._began):
                    return

    def _stats(self) -> dict[str, Any]:
        """Returns what was acknowledged so far."""
        return {**self.delivered.as_dict(), **self.books.as_dict()}

    async def _is_over(self, age: float) -> bool:
        """Returns whether a drain of this age (seconds) ends although events may come.

        Runs are few, and others need them.
        """
        if age >= self.longest:
            return True
        return age >= self.turn and await asyncio.to_thread(kept_waiting, self.part.ledger)

    async def _apply_claimed(
        self, take: Callable[[], Sequence[WebhookEvent]], claims: EventClaims, work: EventWork
    ) -> bool:
        events = await asyncio.to_thread(take)
        if events:
            await self._apply(EventGroup(events), claims, work)
        return bool(events)

    async def _apply(self, group: EventGroup, claims: EventClaims, work: EventWork) -> None:
        """Does what the group asks for and acknowledges it. A key that cannot be done alone goes to dead letters."""
        await work.facts.source.seen()  # what cannot be read for any event is no event's fault
        message = "see the dead letters"
        try:
            if group.deaths >= POISON_AFTER:
                message = f"{group.deaths} drains died with it"
                dead = await self._poison(group, "deadly", message, work)
            else:
                dead = await work.work(group)
        except Exception as error:
            # What may pass, or waits for a person, says nothing about an event: the next drain takes it again.
            if isinstance(error, SyncPipelineError) and error.retry is not Retry.NEVER:
                raise
            if len(group.keys) > 1:
                for one in group.alone():
                    await self._apply(one, claims, work)
                return
            self._poisoned += 1
            if self._poisoned > MOST_POISONED:
                raise
            kind = error.kind if isinstance(error, SyncPipelineError) else "internal"
            message = one_line(f"{type(error).__name__}: {error}" if kind == "internal" else error)
            dead = await self._poison(group, kind, message, work)
        else:
            self._poisoned = 0
        ends = group.ends(dead)
        await asyncio.to_thread(claims.end, ends, {number: message for number, end in ends.items() if end == "dead"})
        self.books.enter(group, ends)
        self.delivered = deepcopy(work.delivery.books)

    async def _poison(self, group: EventGroup, kind: str, message: str, work: EventWork) -> set[str]:
        """Keeps the group's only key as a dead letter."""
        [key] = group.keys
        log.error("poison event", store=self.store.hash, key=key, error=message)
        letter = Rejected(key, kind, message, group.events[-1].payload.encode())
        await asyncio.to_thread(work.delivery.letters.add, [letter])
        return {key}
