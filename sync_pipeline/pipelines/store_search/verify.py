"""Verifying a store: its live indices against what its records become now, and their repair."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync_pipeline.batches.identity import identity_of
from sync_pipeline.batches.requests import Level
from sync_pipeline.connectors.elasticsearch.documents import DocumentIndex
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.delivery.compare import Comparison
from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.delivery.repair import repair
from sync_pipeline.delivery.verify import PAUSE, ROUNDS, Verification, Verifier
from sync_pipeline.pipelines.store_search.index.live_index import LiveIndex
from sync_pipeline.pipelines.store_search.index.ownership import open_indices
from sync_pipeline.pipelines.store_search.search.client import NotIndexedError
from sync_pipeline.pipelines.store_search.source.store_source import StoreSource
from sync_pipeline.pipelines.store_search.types import Part, kind_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping, Sequence

    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.clock import Clock
    from sync_pipeline.connectors.bigcommerce.catalog import Catalog
    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.operations import Item
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch
    from sync_pipeline.pipelines.store_search.stores.models import Store
    from sync_pipeline.pipelines.store_search.types import Kind


async def verify_store(
    pipeline: StoreSearch,
    store: Store,
    parts: Sequence[Part],
    *,
    level: Level = Level.CONTENT,
    repair_with: BatchPart | None = None,
    confirmed: bool = False,
    progress: MutableMapping[str, Callable[[], dict[str, Any]]] | None = None,
    rounds: int = ROUNDS,
    pause: float = PAUSE,
) -> dict[Part, Verification]:
    """Returns what was found of each import; also repaired it, as the batch ``repair_with`` in its lane.

    ``confirmed`` believes a listing however much it lacks; ``progress`` gets a function for each part's running stats.
    Raises NotIndexedError for a store without indices, DeleteGuardError for a listing that lacks too much, before a
    repair ForeignIndexError for indices of another ledger, and what the store and the cluster raise.
    """
    found: dict[Part, Verification] = {}
    batch_id = 0 if repair_with is None else repair_with.batch.id
    next_version = _no_version if repair_with is None else lambda: asyncio.to_thread(pipeline.ledger.next_version)
    async with pipeline.cluster() as cluster, pipeline.catalog(store, next_version=next_version) as catalog:
        await cluster.check()
        if repair_with is not None:
            await open_indices(cluster, store.hash, repair_with)
        for part in parts:
            kind = kind_of(part)
            if not await StoreIndices(cluster, store.hash).current(kind.word):
                raise NotIndexedError(f"store {store.hash} has no {kind.word} index yet: run a full batch")
            verifier = Verifier(
                StoreNow(catalog, kind, batch_id, pipeline.clock),
                # By its alias: a full batch may put another index behind it meanwhile.
                Comparison(
                    DocumentIndex(cluster, kind.alias(store.hash)),
                    f"{kind.word} of store {store.hash}",
                    bounds=kind.guard,
                    confirmed=confirmed,
                ),
                pipeline.clock,
                level=level,
                rounds=rounds,
                pause=pause,
            )
            if progress is not None:
                progress[part] = verifier.result.as_dict
            found[part] = await verifier.run()
            if repair_with is not None:
                await _repair(cluster, store, verifier, kind=kind, batch=repair_with, next_version=next_version)
    return found


async def _repair(
    cluster: SearchCluster,
    store: Store,
    verifier: Verifier,
    *,
    kind: Kind,
    batch: BatchPart,
    next_version: Callable[[], Awaitable[int]],
) -> None:
    live = await LiveIndex.find(
        cluster,
        store,
        kind,
        identity=await asyncio.to_thread(identity_of, batch.ledger),
        confirmed=verifier.comparison.confirmed,
        next_version=next_version,
    )
    if live is None:
        raise NotIndexedError(f"store {store.hash}: its {kind.word} index is of another version: run a full batch")
    delivery = Delivery.of(batch, live.documents, min_version=live.first_version)
    await repair(verifier, delivery, next_version=next_version)


@dataclass(frozen=True)
class StoreNow:
    """A store's records of one kind, read anew each time, with the brands and categories of that moment."""

    catalog: Catalog
    kind: Kind
    #: The batch that documents of a repair are written by.
    batch_id: int
    clock: Clock

    async def items(self) -> AsyncGenerator[Sequence[Item]]:
        """Yields all items of the kind."""
        async with (
            StoreSource(self.catalog, batch_id=self.batch_id, clock=self.clock) as source,
            aclosing(source.items(self.kind.part)) as pages,
        ):
            async for items in pages:
                yield items

    async def named(self, keys: Sequence[str]) -> AsyncGenerator[Sequence[Item]]:
        """Yields the items of some keys; those of short listings are looked for in the whole of them."""
        if self.kind.part is not Part.PRODUCTS:
            wanted = set(keys)
            async with aclosing(self.items()) as pages:
                async for items in pages:
                    yield [item for item in items if item.key in wanted]
            return
        # Somebody else may have written documents with any key.
        own = [key for key in keys if key.startswith("product-") and key[8:].isascii() and key[8:].isdecimal()]
        async with (
            StoreSource(self.catalog, batch_id=self.batch_id, clock=self.clock) as source,
            aclosing(source.named_products(own)) as pages,
        ):
            async for items in pages:
                yield items


async def _no_version() -> int:
    return 0
