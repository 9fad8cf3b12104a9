"""The drain: a store's webhook events, applied to its indices until no more come.

Claim → fetch the current records → deliver → acknowledge, again and again. Events carry no state, so their order and
their repetition do not matter. What belongs here: the loop and what one group of events asks for. What does not: the
queue (batches/event_claims.py), what an event is about (events.py), facts that age (store_facts.py), and which indices
are written (event_delivery.py).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from sync_pipeline.batches.event_claims import DEADLY_AFTER, EventClaims, listening
from sync_pipeline.batches.lanes import FencedError
from sync_pipeline.batches.queue import kept_waiting, request_unless_pending
from sync_pipeline.batches.requests import Mode, Trigger
from sync_pipeline.batches.synced_keys import remember
from sync_pipeline.connectors.bigcommerce.errors import IncompleteListingError, MissingScopeError, UnauthorizedError
from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError
from sync_pipeline.delivery.books import BooksError
from sync_pipeline.errors import ServiceUnavailableError, SyncPipelineError, one_line
from sync_pipeline.operations import DestinationError, Operation, Rejected
from sync_pipeline.pipelines.store_search.event_delivery import EventDelivery
from sync_pipeline.pipelines.store_search.event_groups import EventBooks, EventGroup
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.store_facts import StoreFacts
from sync_pipeline.pipelines.store_search.store_memory import needed_batch, written_by
from sync_pipeline.pipelines.store_search.types import EVENTS, PIPELINE, BatchType, Part

if TYPE_CHECKING:
    from sync_pipeline.batches.models import Store
    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.connectors.bigcommerce.catalog import Catalog
    from sync_pipeline.pipelines.store_search.source import StoreSource
    from sync_pipeline.pipelines.store_search.sync import StoreSearch

log = structlog.get_logger("sync_pipeline.store_search")

#: How many events are claimed at once.
GROUP = 1000
#: Seconds. A drain waits so long for more, and ends after so much in all, or after its turn when batches are kept
#: waiting; groups begin at most once in PACE.
LINGER, LONGEST, TURN, PACE = 60.0, 600.0, 60.0, 1.0
POLL = 0.5
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
    turn: float = TURN
    books: EventBooks = field(default_factory=EventBooks)
    _poisoned: int = 0

    async def run(self) -> dict[str, Any]:
        """Works until no event came for ``linger`` seconds, ``longest`` at most; the figures, recorded in the ledger.

        Raises what ends it early; events that it had claimed by then are taken again by the next drain.
        """
        claims = EventClaims(self.part.ledger, self.part.lane, self.part.batch)
        await asyncio.to_thread(claims.free)
        try:
            figures = await self._drain(claims)
        finally:
            # Whoever gets here lives: the end of this drain is not held against the events that it has in hand.
            with suppress(SyncPipelineError):
                await asyncio.to_thread(claims.give_back)
        if not self.books.balance:
            raise BooksError(f"the books of events do not balance: {dict(self.books.counts)}")
        await asyncio.to_thread(self.part.record, EVENTS, figures)
        return figures

    async def _drain(self, claims: EventClaims) -> dict[str, Any]:
        ledger, batch, clock = self.part.ledger, self.part.batch, self.pipeline.clock
        async with AsyncExitStack() as stack:
            cluster = await stack.enter_async_context(self.pipeline.cluster())
            catalog = await stack.enter_async_context(self.pipeline.catalog(self.store))
            wait = stack.enter_context(listening(ledger))
            facts = await stack.enter_async_context(
                StoreFacts(catalog, ledger, scope=batch.scope, batch_id=batch.id, clock=clock)
            )
            delivery = EventDelivery(cluster, self.store, self.part, clock)
            tools = _Tools(catalog, facts, delivery)
            self.part.progress[EVENTS] = lambda: {**delivery.books.as_dict(), **self.books.as_dict()}
            began = busy = clock.monotonic()
            while True:
                at = clock.monotonic()
                events = await asyncio.to_thread(claims.take, GROUP)
                if events:
                    group = EventGroup(events)
                    await self._apply(group, claims, tools)
                    busy = clock.monotonic()
                    pace = 0.0 if group.deaths else min(PACE, self.linger)
                    await clock.sleep(max(0.0, pace - (busy - at)))
                elif at - busy >= self.linger:
                    break
                else:
                    await asyncio.to_thread(wait, min(POLL, self.linger))
                if await self._is_over(clock.monotonic() - began):
                    break
            return {**delivery.books.as_dict(), **self.books.as_dict(), "finished_at": clock.now().isoformat()}

    async def _is_over(self, age: float) -> bool:
        """Whether a drain of this age (seconds) ends although events may come: runs are few, and others need them."""
        if age >= self.longest:
            return True
        return age >= self.turn and await asyncio.to_thread(kept_waiting, self.part.ledger, PIPELINE)

    async def _apply(self, group: EventGroup, claims: EventClaims, tools: _Tools) -> None:
        """Does what the group asks for and acknowledges it. A key that cannot be done alone goes to dead letters."""
        await tools.facts.source.seen()  # what cannot be read for any event is no event's fault
        message = "see the dead letters"
        try:
            if group.deaths >= DEADLY_AFTER:
                message = f"{group.deaths} drains died with it"
                dead = await self._poison(group, "deadly", message, tools)
            else:
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
            kind = error.kind if isinstance(error, SyncPipelineError) else "internal"
            message = one_line(f"{type(error).__name__}: {error}" if kind == "internal" else error)
            dead = await self._poison(group, kind, message, tools)
        else:
            self._poisoned = 0
        ends = group.ends(dead)
        await asyncio.to_thread(claims.end, ends, {number: message for number, end in ends.items() if end == "dead"})
        self.books.enter(group, ends)

    async def _poison(self, group: EventGroup, kind: str, message: str, tools: _Tools) -> set[str]:
        """Keeps the group's only key as a dead letter."""
        [key] = group.keys
        log.error("poison event", store=self.store.hash, key=key, error=message)
        letter = Rejected(key, kind, message, group.events[-1].payload.encode())
        await asyncio.to_thread(tools.delivery.letters.keep, [letter])
        return {key}

    async def _work(self, group: EventGroup, tools: _Tools) -> set[str]:
        """Brings the indices up to date with what the group is about; the keys that ended as dead letters."""
        facts, delivery = tools.facts, tools.delivery
        if group.tells_of_uninstall:
            await self._look_whether_uninstalled(tools.catalog)
        delivery.begin()
        live = await delivery.live(Part.PRODUCTS)
        products, categories = group.of_part(Part.PRODUCTS), group.of_part(Part.CATEGORIES)
        more, others = set[str](), set[str]()
        if tools.first or group.tells_of_categories or group.tells_of_store or facts.old:
            more, others = await (facts.changes(live) if tools.first else facts.renew(live))
            await self._look_at_store(facts.source, told=group.tells_of_store)
        await self._products(products | more, group, tools)
        if facts.lacking:
            again, changed = await facts.renew(live)
            await self._look_at_store(facts.source)
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

    async def _look_at_store(self, source: StoreSource, *, told: bool = False) -> None:
        """Asks for a batch if documents may show other facts of the store itself than those just read.

        Before anything is written with them: a drain that dies has asked by then, and is remembered as their writer.
        """
        ledger, scope, facts = self.part.ledger, self.part.batch.scope, await source.store_facts()
        mode = await asyncio.to_thread(needed_batch, ledger, scope, facts, told=told)
        if mode is not None:
            self._request(mode, "documents may show another currency or address than the store's")
        await asyncio.to_thread(remember, ledger, scope, {written_by(EVENTS): facts})

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
