"""The steps of `store_search`, plain Python: what each part of a batch does, for Dagster, the command line and tests.

What belongs here: the steps and what they work with. What does not: how an index is built and published (builds.py),
how words become settings (search_words.py), how records are read (source.py).
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sync_pipeline.batches.database import make_engine
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.requests import Mode
from sync_pipeline.batches.secrets import development_keys, parse_keys
from sync_pipeline.batches.stats import newest_counts
from sync_pipeline.clock import Clock, SystemClock
from sync_pipeline.connectors.bigcommerce.budget import RequestBudget
from sync_pipeline.connectors.bigcommerce.catalog import Catalog
from sync_pipeline.connectors.bigcommerce.client import BigCommerceClient
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.events.drain import LINGER, LONGEST, Drain
from sync_pipeline.pipelines.store_search.imports.run import ImportResult, run_imports
from sync_pipeline.pipelines.store_search.index.build import StoreBuild
from sync_pipeline.pipelines.store_search.source.store_source import StoreSource
from sync_pipeline.pipelines.store_search.stores.stores import Stores, store_scope
from sync_pipeline.pipelines.store_search.types import IMPORTS, Part, kind_of
from sync_pipeline.pipelines.store_search.words import apply as search_words

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence

    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.pipelines.store_search.stores.models import Store
    from sync_pipeline.settings import Settings


@dataclass(frozen=True)
class StoreSearch:
    """The pipeline on one ledger and one search cluster."""

    settings: Settings
    ledger: Ledger
    stores: Stores
    clock: Clock = field(default_factory=SystemClock)

    @classmethod
    def from_settings(cls, settings: Settings) -> StoreSearch:
        """The pipeline as complete settings describe it. Connects to nothing yet."""
        if settings.database_url is None or settings.elasticsearch_url is None:
            raise UsageError("DATABASE_URL and ELASTICSEARCH_URL are needed: `sync-pipeline env` prints them")
        keys = settings.sync_pipeline_secret_keys
        keyring = development_keys(settings.state_dir) if keys is None else parse_keys(keys.get_secret_value())
        ledger = Ledger(make_engine(settings.database_url, pool_size=settings.db_pool_size))
        return cls(settings, ledger, Stores(ledger, keyring))

    async def stop_words(self, part: BatchPart) -> dict[str, Any]:
        """Writes the stop words and applies them to the indices that this batch does not build anew."""
        store = self.stores.get(_hash(part))
        async with self.cluster() as cluster:
            build = await self._build(cluster, store, part)
            stats = await search_words.apply_stop_words(build, rebuilt=self._rebuilt(part))
        part.record(Part.STOP_WORDS, stats)
        return stats

    async def synonyms(self, part: BatchPart) -> dict[str, Any]:
        """Puts the store's synonym rules to work."""
        store = self.stores.get(_hash(part))
        async with self.cluster() as cluster:
            stats = await search_words.apply_synonyms(await self._build(cluster, store, part))
        part.record(Part.SYNONYMS, stats)
        return stats

    async def search_index(self, part: BatchPart) -> dict[str, Any]:
        """Removes ownerless indices and creates those that the imports of this batch will fill."""
        store = self.stores.get(_hash(part))
        async with self.cluster() as cluster:
            build = await self._build(cluster, store, part)
            created = [await build.index_for(kind_of(planned)) for planned in self._rebuilt(part)]
        stats = {"created": created, "removed": build.removed}
        part.record(Part.SEARCH_INDEX, stats)
        return stats

    async def imports(
        self, part: BatchPart, selected: Sequence[Part]
    ) -> AsyncGenerator[tuple[Part, ImportResult | Exception]]:
        """Runs the imports side by side; yields each as it ends, with its result or what stopped it.

        Close it (``aclosing``) when leaving early: that cancels what is under way.
        """
        store = self.stores.get(_hash(part))
        async with AsyncExitStack() as stack:
            cluster = await stack.enter_async_context(self.cluster())
            catalog = await stack.enter_async_context(self.catalog(store))
            build = await self._build(cluster, store, part)
            source = await stack.enter_async_context(StoreSource(catalog, batch_id=part.batch.id, clock=self.clock))

            async with aclosing(run_imports(build, source, selected)) as outcomes:
                async for ended in outcomes:
                    yield ended

    async def drain(self, part: BatchPart, *, linger: float = LINGER, longest: float = LONGEST) -> dict[str, Any]:
        """Applies the store's webhook events until none came for ``linger`` seconds, ``longest`` at most; figures."""
        store = await asyncio.to_thread(self.stores.get, _hash(part))
        return await Drain(self, part, store, linger=linger, longest=longest).run()

    def newest_stats(self, store_hash: str, part: Part, run_id: str) -> dict[str, Any] | None:
        """The figures of an import: this run's, or those of the store's newest batch that finished it."""
        own = self.ledger.of_run(run_id)
        if own is not None and part in own.counts:
            return own.counts[part]
        return newest_counts(self.ledger, store_scope(store_hash), part)

    def cluster(self) -> SearchCluster:
        """A connection to the search cluster, to be used as an async context manager."""
        key = self.settings.elasticsearch_api_key
        return SearchCluster(
            url=str(self.settings.elasticsearch_url), api_key=None if key is None else key.get_secret_value()
        )

    def catalog(
        self, store: Store, *, next_version: Callable[[], Awaitable[int]] | None = None
    ) -> AbstractAsyncContextManager[Catalog]:
        """The store's records at BigCommerce; all requests share one budget. ``next_version`` draws
        versions: by default the ledger's.
        """
        return self.catalog_with(store.hash, self.stores.secret(store) or "", next_version=next_version)

    @asynccontextmanager
    async def catalog_with(
        self, store_hash: str, token: str, *, next_version: Callable[[], Awaitable[int]] | None = None
    ) -> AsyncIterator[Catalog]:
        """Likewise, for a store that is not saved yet."""
        async with self._client(store_hash, token) as client:
            yield Catalog(client, next_version=next_version or (lambda: asyncio.to_thread(self.ledger.next_version)))

    def client(self, store: Store) -> BigCommerceClient:
        """A connection to the store at BigCommerce for what is no record, to be used as an async context manager."""
        return self._client(store.hash, self.stores.secret(store) or "")

    def _client(self, store_hash: str, token: str) -> BigCommerceClient:
        return BigCommerceClient(
            store_hash=store_hash,
            token=token,
            base_url=str(self.settings.bigcommerce_api_url),
            budget=RequestBudget(store_hash=store_hash, clock=self.clock),
            clock=self.clock,
        )

    async def _build(self, cluster: SearchCluster, store: Store, part: BatchPart) -> StoreBuild:
        await cluster.check()
        return StoreBuild(
            cluster=cluster,
            store=store,
            part=part,
            own_stop_words=self.stores.stop_words(store.hash),
            synonym_rules=self.stores.synonym_rules(store.hash),
            folder=self.settings.state_dir / "search" / store.hash,
            clock=self.clock,
            retries=self.settings.sync_pipeline_retries,
        )

    @staticmethod
    def _rebuilt(part: BatchPart) -> list[Part]:
        """The imports whose indices this batch builds anew."""
        if part.batch.mode != Mode.FULL:
            return []
        return [planned for planned in IMPORTS if planned in (part.batch.planned or ())]


def _hash(part: BatchPart) -> str:
    return part.batch.store_hash or ""
