"""What a batch would do: how many documents it would create, update and delete, and what would change in some of them.

Reads the store and the index as the batch would, and writes nothing anywhere: no batch, no index, no dead letter.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sync_pipeline.batches.requests import Mode
from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.errors import UsageError
from sync_pipeline.operations import Action, Filtered, Operation, Rejected, Unchanged
from sync_pipeline.pipelines.store_search.imports.changes import changed_listing, live_changes
from sync_pipeline.pipelines.store_search.index.live_index import LiveIndex
from sync_pipeline.pipelines.store_search.search.client import NotIndexedError
from sync_pipeline.pipelines.store_search.source.store_source import StoreSource
from sync_pipeline.pipelines.store_search.types import IMPORTS, BatchType, Part, kind_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from sync_pipeline.batches.requests import BatchRequest
    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.operations import Item
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch
    from sync_pipeline.pipelines.store_search.stores.models import Store

#: How many changed documents are shown, and how much of a value.
SAMPLES = 5
VALUE_LENGTH = 80


@dataclass
class Preview:
    """What one import would do. ``sample`` has, for a few updates, the fields that change: old and new value."""

    create: int = 0
    update: int = 0
    delete: int = 0
    unchanged: int = 0
    filtered: int = 0
    dead_lettered: int = 0
    sample: list[dict[str, Any]] = field(default_factory=list)


async def dry_run(pipeline: StoreSearch, request: BatchRequest) -> dict[Part, Preview]:
    """The previews of a request's imports. Raises what the batch itself would raise when reading."""
    parts = [part for part in BatchType(request.type).parts if part in IMPORTS]
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
    live = await LiveIndex.find(cluster, store, kind_of(part), confirmed=True, next_version=_no_version)
    pages: AsyncGenerator[Sequence[Item]] | None = None
    if live is not None and request.mode != Mode.FULL:
        pages = await live_changes(
            pipeline.ledger, source, live, scope=request.scope, mode=request.mode, ids=request.ids or ()
        )
    if pages is None and request.mode == Mode.SELECTIVE:
        raise NotIndexedError(f"store {store.hash} has no index to change: run a full batch before a selective one")
    if pages is None:
        pages = source.items(part) if live is None else changed_listing(source, live)
    preview = Preview()
    async for items in pages:
        stored = {} if live is None else await _stored(live, items)
        for item in items:
            _enter(preview, item, stored)
    return preview


async def _stored(live: LiveIndex, items: Sequence[Item]) -> dict[str, dict[str, Any]]:
    keys = [item.key for item in items if isinstance(item, Operation)]
    found = await BulkIndex(live.cluster, live.name).get(keys)
    return {key: document.source for key, document in found.items()}


def _enter(preview: Preview, item: Item, stored: dict[str, dict[str, Any]]) -> None:
    match item:
        case Unchanged():
            preview.unchanged += 1
        case Filtered():
            preview.filtered += 1
        case Rejected():
            preview.dead_lettered += 1
        case Operation(action=Action.DELETE):
            preview.delete += 1
        case Operation() if item.key not in stored:
            preview.create += 1
        case Operation():
            preview.update += 1
            if len(preview.sample) < SAMPLES:
                changes = changed_fields(stored[item.key], json.loads(item.body or b"{}"))
                preview.sample.append({"key": item.key, "fields": changes})


def changed_fields(old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[str]]:
    """The fields whose values differ, but for `sync`, each with the old and the new value, shortened."""
    names = sorted({*old, *new} - {"sync"})
    return {name: [_short(old.get(name)), _short(new.get(name))] for name in names if old.get(name) != new.get(name)}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_LENGTH else text[: VALUE_LENGTH - 1] + "…"


async def _no_version() -> int:
    return 0
