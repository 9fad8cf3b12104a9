"""What a group of events asks for: the present records fetched, and the indices brought up to date with them.

What belongs here: which records a group needs, and which batches it asks for. What does not: claiming, acknowledging
and the loop (drain.py), facts that age (source/reference_data.py), and which indices are written (targets.py).
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sync_pipeline.batches.requests import Mode, Trigger
from sync_pipeline.batches.synced_keys import remember
from sync_pipeline.connectors.bigcommerce.errors import UnauthorizedError
from sync_pipeline.logs import Log
from sync_pipeline.operations import Operation
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.source.store_settings import needed_batch, written_by
from sync_pipeline.pipelines.store_search.types import EVENTS, BatchType, Part

if TYPE_CHECKING:
    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.connectors.bigcommerce.catalog import Catalog
    from sync_pipeline.pipelines.store_search.events.groups import EventGroup
    from sync_pipeline.pipelines.store_search.events.targets import EventDelivery
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch
    from sync_pipeline.pipelines.store_search.source.reference_data import ReferenceData
    from sync_pipeline.pipelines.store_search.source.store_source import StoreSource
    from sync_pipeline.pipelines.store_search.stores.models import Store

log = Log("sync_pipeline.store_search")


@dataclass
class EventWork:
    """The work of a drain on its groups, one after the other. ``first``: none was done yet."""

    pipeline: StoreSearch
    part: BatchPart
    store: Store
    catalog: Catalog
    facts: ReferenceData
    delivery: EventDelivery
    first: bool = True

    async def work(self, group: EventGroup) -> set[str]:
        """Brings the indices up to date with what the group is about; the keys that ended as dead letters."""
        facts, delivery = self.facts, self.delivery
        if group.has_uninstall_event:
            await self._look_whether_uninstalled()
        delivery.begin()
        live = await delivery.live(Part.PRODUCTS)
        products, categories = group.of_part(Part.PRODUCTS), group.of_part(Part.CATEGORIES)
        more, others = set[str](), set[str]()
        if self.first or group.has_category_event or group.has_store_event or facts.old:
            more, others = await (facts.changes(live) if self.first else facts.renew(live))
            await self._look_at_store(facts.source, told=group.has_store_event)
        await self._products(products | more, group)
        if facts.lacking:
            again, changed = await facts.renew(live)
            await self._look_at_store(facts.source)
            more, others = more | again, others | changed
            await self._products(products | again, group)
        await self._listed(categories | others)
        if more or others or group.has_category_event:
            while not await facts.remember():
                again, changed = await facts.renew(await delivery.live(Part.PRODUCTS))
                await self._products(again, group)
                await self._listed(changed)
        self.first = False
        return delivery.dead

    async def _products(self, keys: set[str], group: EventGroup) -> None:
        if not keys:
            return
        announced = group.announced_gone
        async with aclosing(self.facts.source.named_products(sorted(keys))) as pages:
            async for items in pages:
                absent = [item for item in items if isinstance(item, Operation) and item.absent]
                silent = [delete for delete in absent if delete.key not in announced]
                if silent and not await self.delivery.is_plausible(Part.PRODUCTS, silent):
                    # An answer that lacks so many says nothing of them: a whole listing, behind the guard, will tell.
                    await self._request(Mode.INCREMENTAL, f"{len(silent)} products were not given by their ids")
                    await self.delivery.deliver(Part.PRODUCTS, [item for item in items if item not in silent])
                else:
                    await self.delivery.deliver(Part.PRODUCTS, items)

    async def _listed(self, keys: set[str]) -> None:
        """Writes categories and pages, found in their whole listings; what these lack is gone."""
        if not keys:
            return
        version = await asyncio.to_thread(self.part.ledger.next_version)
        missing = set(keys)
        async with aclosing(self.facts.source.items(Part.CATEGORIES)) as pages:
            async for items in pages:
                wanted = [item for item in items if item.key in missing]
                missing -= {item.key for item in wanted}
                await self.delivery.deliver(Part.CATEGORIES, wanted)
        await self.delivery.delete(Part.CATEGORIES, sorted(missing), version)

    async def _look_at_store(self, source: StoreSource, *, told: bool = False) -> None:
        """Asks for a batch if documents may show other facts of the store itself than those just read.

        Before anything is written with them: a drain that dies has asked by then, and is remembered as their writer.
        """
        ledger, scope, facts = self.part.ledger, self.part.batch.scope, await source.store_facts()
        mode = await asyncio.to_thread(needed_batch, ledger, scope, facts, told=told)
        if mode is not None:
            await self._request(mode, "documents may show another currency or address than the store's")
        await asyncio.to_thread(remember, ledger, scope, {written_by(EVENTS): facts})

    async def _look_whether_uninstalled(self) -> None:
        try:
            await self.catalog.store()
        except UnauthorizedError:
            await asyncio.to_thread(self.pipeline.stores.mark_uninstalled, self.store.hash)
            raise

    async def _request(self, mode: Mode, why: str) -> None:
        log.warning("batch requested", store=self.store.hash, mode=mode, why=why)
        retries = self.pipeline.settings.sync_pipeline_retries
        request = store_request(
            self.store.hash, BatchType.ALL, mode=mode, trigger=Trigger.WEBHOOK, max_attempts=1 + retries
        )
        await asyncio.to_thread(self.part.ledger.request_unless_pending, request)
