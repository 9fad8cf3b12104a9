"""The steps of `store_search`, plain Python: what each part of a batch does, for Dagster, the command line and tests.

What belongs here: the steps. What does not: how an index is built and published (index/build.py), how words become
settings (words/apply.py), how records are read (source/).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any

from sync_pipeline.batches.requests import Level, Mode
from sync_pipeline.batches.stats import newest_counts
from sync_pipeline.pipelines.store_search.events.drain import LINGER, LONGEST, Drain
from sync_pipeline.pipelines.store_search.imports.run import ImportResult, run_imports
from sync_pipeline.pipelines.store_search.index.build import StoreBuild
from sync_pipeline.pipelines.store_search.index.ownership import open_indices
from sync_pipeline.pipelines.store_search.source.store_source import StoreSource
from sync_pipeline.pipelines.store_search.stores.stores import store_scope
from sync_pipeline.pipelines.store_search.types import IMPORTS, BatchType, Part, kind_of
from sync_pipeline.pipelines.store_search.verify import verify_store
from sync_pipeline.pipelines.store_search.words import apply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.delivery.verify import Verification
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch
    from sync_pipeline.pipelines.store_search.stores.models import Store


async def apply_stop_words(runtime: StoreSearch, part: BatchPart) -> dict[str, Any]:
    """Writes the stop words and applies them to the indices that this batch does not build anew; its stats."""
    store = await _store(runtime, part)
    async with runtime.cluster() as cluster:
        build = await _build(runtime, cluster, store, part)
        stats = await apply.apply_stop_words(build, rebuilt=_rebuilt(part))
    await asyncio.to_thread(part.record, Part.STOP_WORDS, stats)
    return stats


async def apply_synonyms(runtime: StoreSearch, part: BatchPart) -> dict[str, Any]:
    """Puts the store's synonym rules to work; its stats."""
    store = await _store(runtime, part)
    async with runtime.cluster() as cluster:
        stats = await apply.apply_synonyms(await _build(runtime, cluster, store, part))
    await asyncio.to_thread(part.record, Part.SYNONYMS, stats)
    return stats


async def create_indices(runtime: StoreSearch, part: BatchPart) -> dict[str, Any]:
    """Removes orphaned indices and creates those that the imports of this batch will fill; its stats."""
    store = await _store(runtime, part)
    async with runtime.cluster() as cluster:
        build = await _build(runtime, cluster, store, part)
        created = [await build.index_for(kind_of(planned)) for planned in _rebuilt(part)]
    stats = {"created": created, "removed": build.removed}
    await asyncio.to_thread(part.record, Part.SEARCH_INDEX, stats)
    return stats


async def import_records(
    runtime: StoreSearch, part: BatchPart, selected: Sequence[Part]
) -> AsyncGenerator[tuple[Part, ImportResult | Exception]]:
    """Runs the imports side by side; yields each as it ends, with its result or what stopped it.

    Close it (``aclosing``) when leaving early: that cancels what is under way.
    """
    store = await _store(runtime, part)
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(runtime.cluster())
        catalog = await stack.enter_async_context(runtime.catalog(store))
        build = await _build(runtime, cluster, store, part)
        source = await stack.enter_async_context(StoreSource(catalog, batch_id=part.batch.id, clock=runtime.clock))
        async with aclosing(run_imports(build, source, selected)) as outcomes:
            async for ended in outcomes:
                yield ended


async def drain_events(
    runtime: StoreSearch, part: BatchPart, *, linger: float = LINGER, longest: float = LONGEST
) -> dict[str, Any]:
    """Applies the store's webhook events until none came for ``linger`` seconds, ``longest`` at most; its stats."""
    return await Drain(runtime, part, await _store(runtime, part), linger=linger, longest=longest).run()


async def verify_indices(runtime: StoreSearch, part: BatchPart) -> dict[Part, Verification]:
    """Compares the indices of the imports that the batch's options name with the store, and repairs them if asked."""
    options = part.batch.options
    imports = [planned for planned in BatchType(options["type"]).parts if planned in IMPORTS]
    return await verify_store(
        runtime,
        await _store(runtime, part),
        imports,
        level=Level(options["level"]),
        repair_with=part if options["repair"] else None,
        confirmed=part.batch.confirm_deletes,
        progress=part.progress,
    )


def newest_stats(runtime: StoreSearch, store_hash: str, part: Part, run_id: str) -> dict[str, Any] | None:
    """Returns the stats of an import: this run's, or those of the store's newest batch that finished it."""
    own = runtime.ledger.of_run(run_id)
    if own is not None and part in own.counts:
        return own.counts[part]
    return newest_counts(runtime.ledger, store_scope(store_hash), part)


async def _build(runtime: StoreSearch, cluster: SearchCluster, store: Store, part: BatchPart) -> StoreBuild:
    await cluster.check()
    identity = await open_indices(cluster, store.hash, part)
    return StoreBuild(
        cluster=cluster,
        store=store,
        part=part,
        own_stop_words=await asyncio.to_thread(runtime.stores.stop_words, store.hash),
        synonym_rules=await asyncio.to_thread(runtime.stores.synonym_rules, store.hash),
        folder=runtime.settings.state_dir / "search" / store.hash,
        clock=runtime.clock,
        identity=identity,
        first_version=await asyncio.to_thread(part.ledger.next_version),
        retries=runtime.settings.sync_pipeline_retries,
    )


def _rebuilt(part: BatchPart) -> list[Part]:
    """Returns the imports whose indices this batch builds anew."""
    if part.batch.mode != Mode.FULL:
        return []
    return [planned for planned in IMPORTS if planned in (part.batch.planned or ())]


async def _store(runtime: StoreSearch, part: BatchPart) -> Store:
    return await asyncio.to_thread(runtime.stores.get, part.batch.store_hash or "")
