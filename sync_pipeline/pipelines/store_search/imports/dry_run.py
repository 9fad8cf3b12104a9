"""What a batch would do: a preview of each of its imports.

Reads the store and the index as the batch would, and writes nothing anywhere: no batch, no index, no dead letter.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sync_pipeline.batches.identity import identity_of
from sync_pipeline.batches.requests import SELECTION, Mode
from sync_pipeline.delivery.preview import Preview, preview
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.imports.changes import changed_listing, live_changes
from sync_pipeline.pipelines.store_search.index.live_index import LiveIndex
from sync_pipeline.pipelines.store_search.search.client import NotIndexedError
from sync_pipeline.pipelines.store_search.source.store_source import StoreSource
from sync_pipeline.pipelines.store_search.types import IMPORTS, TAKE_OVER, BatchType, Part, kind_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from sync_pipeline.batches.requests import BatchRequest
    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.operations import Item
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch
    from sync_pipeline.pipelines.store_search.stores.models import Store


async def dry_run(pipeline: StoreSearch, request: BatchRequest) -> dict[Part, Preview]:
    """Returns the previews of a request's imports. Raises what the batch itself would raise when reading."""
    planned = request.options["parts"] if request.type == SELECTION else BatchType(request.type).parts
    parts = [part for part in IMPORTS if part in planned]
    if not parts:
        raise UsageError(f"a dry run is for records: {request.type} batches have none")
    store = pipeline.stores.get(request.store_hash or "")
    async with pipeline.cluster() as cluster, pipeline.catalog(store, next_version=_no_version) as catalog:
        await cluster.check()
        async with StoreSource(catalog, batch_id=0, clock=pipeline.clock) as source:
            return {
                part: await _preview(pipeline, cluster, store, source, part=part, request=request) for part in parts
            }


async def _preview(
    pipeline: StoreSearch,
    cluster: SearchCluster,
    store: Store,
    source: StoreSource,
    *,
    part: Part,
    request: BatchRequest,
) -> Preview:
    live = None
    if not request.options.get(TAKE_OVER):
        identity = await asyncio.to_thread(identity_of, pipeline.ledger)
        live = await LiveIndex.find(
            cluster, store, kind_of(part), identity=identity, confirmed=True, next_version=_no_version
        )
    pages: AsyncGenerator[Sequence[Item]] | None = None
    if live is not None and request.mode != Mode.FULL:
        pages = await live_changes(
            pipeline.ledger, source, live, scope=request.scope, mode=request.mode, ids=request.ids or ()
        )
    if pages is None and request.mode == Mode.SELECTIVE:
        raise NotIndexedError(f"store {store.hash} has no index to change: run a full batch before a selective one")
    if pages is None:
        pages = source.items(part) if live is None else changed_listing(source, live)
    return await preview(pages, None if live is None else live.documents)


async def _no_version() -> int:
    return 0
