"""The drain: a store's webhook events, applied to its indices until no more come.

Claim → fetch the current records → deliver → acknowledge, again and again. Events carry no state, so their order and
their repetition do not matter. What belongs here: the loop and what one group of events asks for. What does not: the
queue (batches/event_claims.py), what an event is about (events.py), facts that age (store_facts.py), and which indices
are written (event_delivery.py).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from sync_pipeline.batches.event_claims import EventClaims, listening
from sync_pipeline.batches.lanes import FencedError
from sync_pipeline.batches.queue import request_unless_pending
from sync_pipeline.batches.requests import Mode, Trigger
from sync_pipeline.connectors.bigcommerce.errors import (
    BigCommerceError,
    IncompleteListingError,
    MissingScopeError,
    UnauthorizedError,
)
from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError
from sync_pipeline.delivery.books import Books, BooksError
from sync_pipeline.errors import ServiceUnavailableError, SyncPipelineError, one_line
from sync_pipeline.operations import DestinationError, Operation, Rejected, RetryableDestinationError
from sync_pipeline.pipelines.store_search.event_delivery import EventDelivery
from sync_pipeline.pipelines.store_search.event_groups import EventBooks, EventGroup
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.store_facts import StoreFacts
from sync_pipeline.pipelines.store_search.types import EVENTS, BatchType, Part

if TYPE_CHECKING:
    from sync_pipeline.batches.models import Store
    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.connectors.bigcommerce.catalog import Catalog
    from sync_pipeline.pipelines.store_search.sync import StoreSearch

log = structlog.get_logger("sync_pipeline.store_search")

#: How many events are claimed at once.
GROUP = 1000
#: A drain waits so long for more, and ends after so much in all; groups begin at most once in so much (seconds).
LINGER, LONGEST, PACE = 60.0, 600.0, 1.0
POLL = 0.5
#: So long it waits for what is away, looking again after so much (seconds).
PATIENCE, REST = 300.0, 2.0
#: When so many keys in a row fail alone, it is not they that are broken.
MOST_POISONED = 20

#: Errors that say nothing about an event: the drain ends, and its events are taken by the next.
NOBODYS_FAULT = (
    ServiceUnavailableError,
    FencedError,
    UnauthorizedError,
    MissingScopeError,
    IncompleteListingError,
    DestinationError,
    SearchClusterError,
    BooksError,
)


@dataclass
class Drain:
    """One drain of one store, under the batch ``part``."""

    pipeline: StoreSearch
    part: BatchPart
    store: Store
    linger: float = LINGER
    longest: float = LONGEST
    patience: float = PATIENCE
    books: EventBooks = field(default_factory=EventBooks)
    delivered: Books = field(default_factory=Books)
    _poisoned: int = 0
    #: When an event was last applied, and when everything was last there that it takes.
    _busy: float = 0.0
    _well: float = 0.0

    async def run(self) -> dict[str, Any]:
        """Works until no event came for ``linger`` seconds, ``longest`` at most; the figures, recorded in the ledger.

        While PostgreSQL or the search cluster is away it waits, ``patience`` seconds at most. Raises what ends it
        early; events that it had claimed by then are taken again by the next drain.
        """
        clock = self.pipeline.clock
        self.part.progress[EVENTS] = self._figures
        began = self._busy = self._well = clock.monotonic()
        told = 0.0
        while True:
            try:
                await self._work_off(until=began + self.longest)
                break
            except (ServiceUnavailableError, RetryableDestinationError) as error:
                # A store that is away would hold one of the few runs at once, and others have work for it.
                if isinstance(error, BigCommerceError) or clock.monotonic() - self._well >= self.patience:
                    raise
                if told != self._well:
                    log.warning("drain waits", store=self.store.hash, error=one_line(error))
                told = self._well
            await clock.sleep(REST)
        if not self.books.balance:
            raise BooksError(f"the books of events do not balance: {dict(self.books.counts)}")
        figures = {**self._figures(), "finished_at": clock.now().isoformat()}
        await asyncio.to_thread(self.part.record, EVENTS, figures)
        return figures

    async def _work_off(self, *, until: float) -> None:
        """Applies events until no more come. Begins as if nothing had been claimed, read or connected before."""
        ledger, batch, clock = self.part.ledger, self.part.batch, self.pipeline.clock
        claims = EventClaims(ledger, self.part.lane, batch)
        await asyncio.to_thread(claims.free)
        async with AsyncExitStack() as stack:
            cluster = await stack.enter_async_context(self.pipeline.cluster())
            await cluster.check()
            catalog = await stack.enter_async_context(self.pipeline.catalog(self.store))
            wait = stack.enter_context(listening(ledger))
            facts = await stack.enter_async_context(
                StoreFacts(catalog, ledger, scope=batch.scope, batch_id=batch.id, clock=clock)
            )
            delivery = EventDelivery(cluster, self.store, self.part, clock, deepcopy(self.delivered))
            tools = _Tools(catalog, facts, delivery)
            while True:
                at = clock.monotonic()
                events = await asyncio.to_thread(claims.take, GROUP)
                if events:
                    await self._apply(EventGroup(events), claims, tools)
                    self._busy = clock.monotonic()
                    await clock.sleep(max(0.0, min(PACE, self.linger) - (self._busy - at)))
                elif at - self._busy >= self.linger:
                    return
                else:
                    await asyncio.to_thread(wait, min(POLL, self.linger))
                self._well = clock.monotonic()
                if self._well >= until:
                    return

    def _figures(self) -> dict[str, Any]:
        """What was acknowledged so far."""
        return {**self.delivered.as_dict(), **self.books.as_dict()}

    async def _apply(self, group: EventGroup, claims: EventClaims, tools: _Tools) -> None:
        """Does what the group asks for and acknowledges it. A key that cannot be done alone goes to dead letters."""
        await tools.facts.source.seen()  # what cannot be read for any event is no event's fault
        try:
            dead = await self._work(group, tools)
        except NOBODYS_FAULT:
            raise
        except Exception as error:
            if len(group.keys) > 1:
                for one in group.alone():
                    await self._apply(one, claims, tools)
                return
            self._poisoned += 1
            if self._poisoned > MOST_POISONED:
                raise
            [key] = group.keys
            reason = error.kind if isinstance(error, SyncPipelineError) else "internal"
            message = one_line(f"{type(error).__name__}: {error}" if reason == "internal" else error)
            log.error("poison event", store=self.store.hash, key=key, error=message)
            payload = group.events[-1].payload.encode()
            await asyncio.to_thread(tools.delivery.letters.keep, [Rejected(key, reason, message, payload)])
            dead = {key}
            errors = {event.id: message for event in group.events}
        else:
            self._poisoned = 0
            errors = {}
        ends = group.ends(dead)
        reasons = {number: errors.get(number, "see the dead letters") for number, end in ends.items() if end == "dead"}
        await asyncio.to_thread(claims.end, ends, reasons)
        self.books.enter(group, ends)
        self.delivered = deepcopy(tools.delivery.books)

    async def _work(self, group: EventGroup, tools: _Tools) -> set[str]:
        """Brings the indices up to date with what the group is about; the keys that ended as dead letters."""
        facts, delivery = tools.facts, tools.delivery
        if group.tells_of_uninstall:
            await self._look_whether_uninstalled(tools.catalog)
        if group.tells_of_store:
            self._request(Mode.FULL, "the store's own facts changed")
        delivery.begin()
        live = await delivery.live(Part.PRODUCTS)
        products, categories = group.of_part(Part.PRODUCTS), group.of_part(Part.CATEGORIES)
        if tools.first:
            more, others = await facts.changes(live)
        elif group.tells_of_categories or facts.old:
            more, others = await facts.renew(live)
        else:
            more, others = set(), set()
        await self._products(products | more, group, tools)
        if facts.lacking:
            again, changed = await facts.renew(live)
            more, others = more | again, others | changed
            await self._products(products | again, group, tools)
        if keys := categories | others:
            await self._listed(keys, tools)
        if more or others or group.tells_of_categories:
            await facts.keep()
        tools.first = False
        return delivery.dead

    async def _products(self, keys: set[str], group: EventGroup, tools: _Tools) -> None:
        if not keys:
            return
        announced = group.announced_gone
        async with aclosing(tools.facts.source.named_products(sorted(keys))) as pages:
            async for items in pages:
                absent = [item for item in items if isinstance(item, Operation) and item.absent]
                silent = [delete for delete in absent if delete.key not in announced]
                if silent and not await tools.delivery.is_plausible(Part.PRODUCTS, silent):
                    # An answer that lacks so many says nothing of them: a whole listing, behind the guard, will tell.
                    self._request(Mode.INCREMENTAL, f"{len(silent)} products were not given by their ids")
                    await tools.delivery.deliver(Part.PRODUCTS, [item for item in items if item not in silent])
                else:
                    await tools.delivery.deliver(Part.PRODUCTS, items)

    async def _listed(self, keys: set[str], tools: _Tools) -> None:
        """Categories and pages, found in their whole listings; what these lack is gone."""
        version = await asyncio.to_thread(self.part.ledger.next_version)
        missing = set(keys)
        async with aclosing(tools.facts.source.items(Part.CATEGORIES)) as pages:
            async for items in pages:
                wanted = [item for item in items if item.key in missing]
                missing -= {item.key for item in wanted}
                await tools.delivery.deliver(Part.CATEGORIES, wanted)
        await tools.delivery.delete(Part.CATEGORIES, sorted(missing), version)

    async def _look_whether_uninstalled(self, catalog: Catalog) -> None:
        try:
            await catalog.store()
        except UnauthorizedError:
            await asyncio.to_thread(self.pipeline.stores.mark_uninstalled, self.store.hash)
            raise

    def _request(self, mode: Mode, why: str) -> None:
        log.warning("batch requested", store=self.store.hash, mode=mode, why=why)
        retries = self.pipeline.settings.sync_pipeline_retries
        request = store_request(
            self.store.hash, BatchType.ALL, mode=mode, trigger=Trigger.WEBHOOK, max_attempts=1 + retries
        )
        request_unless_pending(self.part.ledger, request)


@dataclass
class _Tools:
    catalog: Catalog
    facts: StoreFacts
    delivery: EventDelivery
    first: bool = True
