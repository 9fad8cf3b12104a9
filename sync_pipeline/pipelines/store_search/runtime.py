"""The pipeline's connections: the ledger, the stores, the search cluster, and each store at BigCommerce.

What belongs here: making connections. What does not: what is done with them (sync.py).
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sync_pipeline.clock import Clock, SystemClock
from sync_pipeline.connectors.bigcommerce.budget import QUOTA_PATIENCE, RequestBudget
from sync_pipeline.connectors.bigcommerce.catalog import Catalog
from sync_pipeline.connectors.bigcommerce.client import BigCommerceClient
from sync_pipeline.connectors.bigcommerce.retry import ATTEMPTS
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.pipelines.store_search.stores.models import Store
    from sync_pipeline.pipelines.store_search.stores.stores import Stores
    from sync_pipeline.settings import Settings

#: Of a look at a store: attempts of a request, and seconds that it waits for quota.
PROBE_ATTEMPTS = 2
PROBE_PATIENCE = 5.0


@dataclass(frozen=True)
class StoreSearch:
    """The pipeline on one ledger and one search cluster."""

    settings: Settings
    ledger: Ledger
    stores: Stores
    clock: Clock = field(default_factory=SystemClock)

    def cluster(self) -> SearchCluster:
        """Returns a connection to the search cluster, to be used as an async context manager."""
        key = self.settings.elasticsearch_api_key
        return SearchCluster(
            url=str(self.settings.elasticsearch_url),
            api_key=None if key is None else key.get_secret_value(),
            ca_certs=self.settings.elasticsearch_ca_certs,
        )

    def catalog(
        self, store: Store, *, next_version: Callable[[], Awaitable[int]] | None = None
    ) -> AbstractAsyncContextManager[Catalog]:
        """Returns the store's records at BigCommerce; all requests share one budget.

        By default versions are the ledger's.
        """
        return self.catalog_with(store.hash, self.stores.secret(store) or "", next_version=next_version)

    @asynccontextmanager
    async def probed_catalog(self, store: Store) -> AsyncIterator[Catalog]:
        """Yields the same for a look at a store that others wait for: two attempts, and little patience for quota."""
        token = self.stores.secret(store) or ""
        async with self._client(store.hash, token, attempts=PROBE_ATTEMPTS, patience=PROBE_PATIENCE) as client:
            yield Catalog(client, next_version=lambda: asyncio.to_thread(self.ledger.next_version))

    @asynccontextmanager
    async def catalog_with(
        self, store_hash: str, token: str, *, next_version: Callable[[], Awaitable[int]] | None = None
    ) -> AsyncIterator[Catalog]:
        """Yields the same, for a store that is not saved yet."""
        async with self._client(store_hash, token) as client:
            yield Catalog(client, next_version=next_version or (lambda: asyncio.to_thread(self.ledger.next_version)))

    def client(self, store: Store) -> BigCommerceClient:
        """Returns a connection to the store at BigCommerce for what is no record, as an async context manager."""
        return self._client(store.hash, self.stores.secret(store) or "")

    def _client(
        self, store_hash: str, token: str, *, attempts: int = ATTEMPTS, patience: float = QUOTA_PATIENCE
    ) -> BigCommerceClient:
        return BigCommerceClient(
            store_hash=store_hash,
            token=token,
            base_url=str(self.settings.bigcommerce_api_url),
            budget=RequestBudget(store_hash=store_hash, clock=self.clock, patience=patience),
            clock=self.clock,
            attempts=attempts,
        )
