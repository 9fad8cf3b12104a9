"""An asset's step as a part of its batch, for every pipeline: what a person asked for, dry runs, what people are shown.

What belongs here: what all pipelines' assets share. What does not: how a run finds its batch (runs.py).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import dagster as dg

from sync_pipeline.batches.rows import request_of
from sync_pipeline.batches.schedules import describe_schedule, list_schedules
from sync_pipeline.batches.states import Status
from sync_pipeline.orchestration.config import BATCH
from sync_pipeline.orchestration.freshness import report_fresh
from sync_pipeline.orchestration.runs import DRY_RUN, chosen_partition, run_batch_part

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping

    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.core import Core
    from sync_pipeline.delivery.preview import Preview
    from sync_pipeline.orchestration.config import BatchConfig
    from sync_pipeline.pipeline import Pipeline


def resources_of(pipeline: str) -> set[str]:
    """Returns the resources that the steps of a pipeline's assets need: its runtime, the core, and the run config."""
    return {pipeline, "core", BATCH}


@contextmanager
def asset_part(
    context: dg.AssetExecutionContext, name: str, type_of: Callable[[tuple[str, ...]], str | None]
) -> Iterator[BatchPart | None]:
    """Yields the step of an asset as a part of its run's batch; None in a dry run, when it has nothing to do.

    ``name`` is the pipeline's; ``type_of`` names the batch type that the planned parts make up, None if none, for a run
    that carries no batch and gets one of its run config. The first step of a dry run tells what the batch would do, as
    observations of the assets. Nothing is materialized: let the asset's output be optional (``output_required=False``).
    """
    core: Core = context.resources.core
    pipeline, ledger = core.pipelines[name], core.ledger
    config: BatchConfig = getattr(context.resources, BATCH)
    own = ledger.of_run(context.run.run_id)
    if own is not None and own.dry_run and own.status == Status.COMPLETED:
        yield None
        return

    def by_hand(planned: tuple[str, ...]):
        known = type_of(planned)
        ask = config.ask(chosen_partition(context), known or pipeline.types[0])
        return pipeline.ask(ask) if known else pipeline.selected(ask, planned)

    with run_batch_part(context, ledger, by_hand, title=pipeline.title) as part:
        if part.batch.dry_run:
            runtime = getattr(context.resources, name)
            # In a thread, because an asynchronous step works within an event loop, and a dry run may have its own.
            with ThreadPoolExecutor(1) as thread:
                previews = thread.submit(pipeline.dry_run, runtime, request_of(part.batch)).result()
            _observe(context, pipeline, part, previews)
        yield None if part.batch.dry_run else part


def materialize(
    context: dg.AssetExecutionContext,
    name: str,
    work: Callable[[Any, BatchPart], Coroutine[Any, Any, Mapping[str, Any]]],
    *,
    type_of: Callable[[tuple[str, ...]], str | None],
    rows: str | None = None,
    data_version: dg.DataVersion | None = None,
) -> Iterator[dg.MaterializeResult]:
    """Does the step of one asset and yields its result, as ``asset_part``; nothing in a dry run.

    ``work`` is given the pipeline's runtime and returns the step's figures, of which ``rows`` names the one that tells
    how many rows the asset has.
    """
    result = None
    with asset_part(context, name, type_of) as part:
        if part is not None:
            stats = asyncio.run(work(getattr(context.resources, name), part))
            counted = {} if rows is None else row_count(stats[rows])
            metadata = {**scope_metadata(context, part), **stats, **counted}
            result = dg.MaterializeResult(metadata=metadata, data_version=data_version)
    if result is not None:
        yield result
        report_fresh(context, context.resources.core.pipelines[name], [context.asset_key.path[-1]])


def row_count(rows: int) -> dict[str, Any]:
    """Returns the metadata by which Dagster knows how many rows an asset has."""
    return {"dagster/row_count": rows}


def _observe(
    context: dg.AssetExecutionContext, pipeline: Pipeline, part: BatchPart, previews: Mapping[str, Preview]
) -> None:
    """Records the previews, and shows each as an observation of its asset."""
    sums: Counter[str] = Counter()
    for name, found in previews.items():
        counts = asdict(found)
        sample = counts.pop("sample")
        sums.update(counts)
        context.log_event(
            dg.AssetObservation(
                asset_key=[pipeline.name, name],
                partition=context.partition_key,
                description=f"dry run of batch {part.batch.id}: what it would do, nothing was written",
                metadata={**counts, "sample": dg.MetadataValue.json(sample)},
            )
        )
    part.record(DRY_RUN, {**sums, "parts": {name: asdict(found) for name, found in previews.items()}})


def scope_metadata(context: dg.AssetExecutionContext, part: BatchPart) -> dict[str, Any]:
    """Returns what stands beside every materialization of a scope: its name, its batch, and when it recurs."""
    core: Core = context.resources.core
    batch, pipeline = part.batch, core.pipelines[part.batch.pipeline]
    schedules = [describe_schedule(one) for one in list_schedules(core.ledger, scope=batch.scope)]
    return {
        pipeline.noun: dg.MetadataValue.text(pipeline.label(core.ledger, batch.scope)),
        "batch": dg.MetadataValue.text(str(batch.id)),
        "schedules": dg.MetadataValue.text("; ".join(schedules) or "none"),
    }
