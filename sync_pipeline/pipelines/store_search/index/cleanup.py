"""What a daily look at every store's indices removes: those that no alias names and no batch works on."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from sync_pipeline.batches.identity import identity_of
from sync_pipeline.batches.lanes import LaneBusyError, acquire
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.errors import SyncPipelineError, one_line
from sync_pipeline.logs import Log
from sync_pipeline.pipelines.store_search.index.ownership import removable
from sync_pipeline.pipelines.store_search.stores.stores import store_scope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sync_pipeline.batches.identity import Identity
    from sync_pipeline.batches.lanes import Lane
    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.connectors.elasticsearch.indices import PhysicalIndex
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch

#: An index is left alone for so long after it was made, and what a swap replaced for so long after its successor was.
SETTLED_AFTER = timedelta(days=1)

log = Log("sync_pipeline.store_search")


async def remove_orphaned_indices(pipeline: StoreSearch, *, holder: str) -> list[str]:
    """Removes them from every store whose bulk lane is free, under that lane; returns their names.

    A store where a batch works is left to its next build, which does the same; one that fails, or whose lane is lost
    meanwhile, stops no other.
    """
    removed: list[str] = []
    identity = await asyncio.to_thread(identity_of, pipeline.ledger)
    async with pipeline.cluster() as cluster:
        for store in await asyncio.to_thread(pipeline.stores.list):
            try:
                lane = await asyncio.to_thread(acquire, pipeline.ledger, store_scope(store.hash), LaneName.BULK, holder)
            except LaneBusyError:
                continue
            try:
                removed += await _remove(cluster, store.hash, lane, identity, pipeline.clock.now() - SETTLED_AFTER)
            except SyncPipelineError as error:
                log.warning("indices not cleaned up", store=store.hash, error=one_line(error))
            finally:
                await asyncio.to_thread(lane.release)
    return removed


async def _remove(
    cluster: SearchCluster, store_hash: str, lane: Lane, identity: Identity, before: datetime
) -> list[str]:
    indices = StoreIndices(cluster, store_hash)
    removed = []
    for index in orphaned(await indices.list(), identity, before):
        await asyncio.to_thread(lane.check)
        await indices.delete(index.name)
        log.info("index removed", store=store_hash, index=index.name)
        removed.append(index.name)
    return removed


def orphaned(indices: Sequence[PhysicalIndex], identity: Identity, before: datetime) -> list[PhysicalIndex]:
    """Returns those that the ledger may remove, made ``before``, of kinds in which nothing newer is served. Pure."""
    lately = {index.kind for index in indices if index.aliases and index.created >= before}
    return [index for index in removable(indices, identity) if index.created < before and index.kind not in lately]
