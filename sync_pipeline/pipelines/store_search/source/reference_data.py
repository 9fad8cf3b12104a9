"""What products take from brands and categories, as a drain knows it: read again when it may have changed.

A drain lives for minutes, and the facts that a batch reads once would grow old in it. They are renewed when an event
tells of categories, when a product names a brand or category that they lack, and after a minute; products that took
something from what has changed are then looked at again.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from sync_pipeline.batches.queue import at_work
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.batches.synced_keys import recall, remember
from sync_pipeline.pipelines.store_search.imports.changes import affected_products
from sync_pipeline.pipelines.store_search.source.store_source import StoreSource

if TYPE_CHECKING:
    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.synced_keys import Seen
    from sync_pipeline.clock import Clock
    from sync_pipeline.connectors.bigcommerce.catalog import Catalog
    from sync_pipeline.pipelines.store_search.index.live_index import LiveIndex

LONGEST_SECONDS = 60.0


class ReferenceData:
    """An async context manager around the present ``source``."""

    def __init__(self, catalog: Catalog, ledger: Ledger, *, scope: str, batch_id: int, clock: Clock) -> None:
        self._catalog = catalog
        self._ledger = ledger
        self._scope = scope
        self._batch_id = batch_id
        self._clock = clock
        self._stack = AsyncExitStack()
        self._read_at = 0.0
        self._given_up: set[tuple[str, int]] = set()
        self._beside: set[tuple[int, int]] = set()
        self.source: StoreSource

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def old(self) -> bool:
        """Whether the facts were read long ago."""
        return self._clock.monotonic() - self._read_at > LONGEST_SECONDS

    @property
    def lacking(self) -> bool:
        """Whether a product named a brand or category that is not known, and that was not looked for yet."""
        return bool(self.source.unknown - self._given_up)

    async def renew(self, live: LiveIndex | None) -> tuple[set[str], set[str]]:
        """Reads the facts again; the keys of indexed products and of categories that they change."""
        before = await self.source.seen()
        self._given_up |= self.source.unknown
        await self._stack.aclose()
        await self._open()
        return await self.changes(live, before)

    async def changes(self, live: LiveIndex | None, before: Seen | None = None) -> tuple[set[str], set[str]]:
        """Returns the same, against what the ledger remembers and ``before``. The ledger remembers these facts then."""
        now = await self.source.seen()
        known = await asyncio.to_thread(recall, self._ledger, self._scope, now)
        products: set[str] = set()
        categories: set[str] = set()
        for earlier in [known or None, before]:
            if earlier is None:
                continue
            names, paths = earlier.get("brand", {}), earlier.get("category", {})
            if names == now["brand"] and paths == now["category"]:
                continue
            changed = {key for key in {*paths, *now["category"]} if paths.get(key) != now["category"].get(key)}
            categories |= {f"category-{key}" for key in changed}
            if live is not None:
                products |= await affected_products(self.source, live, {"brand": names, "category": paths})
        return products, categories

    async def remember(self) -> bool:
        """Has the ledger remember the facts, once what they change was written.

        False, with nothing remembered, when a batch ended since they were read: it may have written older ones over it.
        """
        if self._beside - await asyncio.to_thread(at_work, self._ledger, self._scope, LaneName.BULK):
            return False
        now = await self.source.seen()
        if now != await asyncio.to_thread(recall, self._ledger, self._scope, now):
            await asyncio.to_thread(remember, self._ledger, self._scope, now)
        return True

    async def _open(self) -> None:
        self._beside = await asyncio.to_thread(at_work, self._ledger, self._scope, LaneName.BULK)
        self.source = await self._stack.enter_async_context(
            StoreSource(self._catalog, batch_id=self._batch_id, clock=self._clock)
        )
        self._read_at = self._clock.monotonic()
