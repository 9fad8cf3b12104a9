"""Dagster runs as the rest of the project sees them: tags, a step as a batch part, jobs run in this process.

Besides the pipelines' own assets, automation, checks and partitions, this is the only module that uses Dagster.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg

from sync_pipeline.batches.ledger import BatchLostError
from sync_pipeline.batches.parts import Run, batch_part
from sync_pipeline.batches.requests import Trigger
from sync_pipeline.batches.states import Status
from sync_pipeline.errors import SyncPipelineError, UsageError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sync_pipeline.batches.ledger import BatchRequest, Ledger
    from sync_pipeline.batches.models import SyncBatch
    from sync_pipeline.batches.parts import BatchPart

BATCH_TAG = "sync_pipeline/batch"
ATTEMPT_TAG = "sync_pipeline/attempt"
#: Without a heartbeat for so long, no daemon works.
DAEMON_SILENCE_SECONDS = 90.0
SCHEDULE_TAG = "dagster/schedule_name"


def run_tags(batch: SyncBatch) -> dict[str, str]:
    """The tags of a batch's run, by which people and sensors find it."""
    tags = {
        BATCH_TAG: str(batch.id),
        ATTEMPT_TAG: str(batch.attempt),
        "sync_pipeline/type": batch.type,
        "sync_pipeline/trigger": batch.trigger,
        "sync_pipeline/lane": "bulk",
    }
    if batch.store_hash is not None:
        tags["sync_pipeline/store"] = batch.store_hash
    return tags


def tagged_batch(tags: Mapping[str, str]) -> int | None:
    """The batch that a run's tags name, if any. Raises UsageError when it is no number."""
    value = tags.get(BATCH_TAG)
    if value is None:
        return None
    if not value.isdecimal():
        raise UsageError(f"the run's tag {BATCH_TAG} is {value!r}, not the number of a batch")
    return int(value)


def planned_parts(context: dg.AssetExecutionContext) -> tuple[str, ...]:
    """The assets that this run will materialize, by name (a re-execution from a failure plans only what it repeats)."""
    layer = context.job_def.asset_layer
    steps = context.run.step_keys_to_execute
    return tuple(
        key.to_user_string()
        for key in sorted(layer.executable_asset_keys)
        if not steps or layer.get(key).assets_def.op.name in steps
    )


@contextmanager
def run_batch_part(
    context: dg.AssetExecutionContext, ledger: Ledger, by_hand: Callable[[tuple[str, ...]], BatchRequest]
) -> Iterator[BatchPart]:
    """`batch_part` for a Dagster step. ``by_hand`` makes the request of a run that carries no batch."""
    tags = context.run.tags
    planned = planned_parts(context)
    run = Run(
        run_id=context.run.run_id,
        planned=planned,
        batch_id=tagged_batch(tags),
        request=replace(by_hand(planned), trigger=trigger_of(tags), reserved_for=context.run.run_id),
    )
    with batch_part(ledger, run) as part:
        yield part


def trigger_of(tags: Mapping[str, str]) -> Trigger:
    """Who started a run that carries no batch: a schedule, or a person."""
    return Trigger.SCHEDULE if SCHEDULE_TAG in tags else Trigger.MANUAL


def close_batch(ledger: Ledger, run: dg.DagsterRun, what: str) -> SyncBatch | None:
    """Fails the batch of an ended run if the run left it open; returns it then."""
    batch = ledger.of_run(run.run_id)
    if batch is None:
        batch = _batch_that_waits_for(ledger, run)
    if batch is None or batch.status not in {Status.PENDING, Status.PROCESSING}:
        return None
    message = f"its run {what}: `sync-pipeline batches retry {batch.id}`"
    try:
        return ledger.fail(batch, kind="lost", message=message)
    except BatchLostError:
        return None  # closed by its run or a reaper at this very moment


def _batch_that_waits_for(ledger: Ledger, run: dg.DagsterRun) -> SyncBatch | None:
    """The unclaimed batch whose present attempt the run was started for."""
    batch_id = tagged_batch(run.tags)
    batch = None if batch_id is None else ledger.find(batch_id)
    if batch is None or batch.dagster_run_id is not None or run.tags.get(ATTEMPT_TAG) != str(batch.attempt):
        return None
    return batch


def run_job(definitions: dg.Definitions, job: str, *, batch: SyncBatch, run_id: str, partition_key: str) -> str | None:
    """Runs a job in this process, recorded in Dagster's storage; returns what broke outside the parts, or None.

    Needs the environment that `sync-pipeline env` prints. The batch's own errors are in the ledger.
    """
    instance = dg.DagsterInstance.get()
    for partitions in {definition.partitions_def for definition in definitions.resolve_all_asset_specs()}:
        if isinstance(partitions, dg.DynamicPartitionsDefinition) and partitions.name:
            instance.add_dynamic_partitions(partitions.name, [partition_key])
    try:
        definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            partition_key=partition_key,
            tags=run_tags(batch),
            run_id=run_id,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
    except dg.DagsterError as error:
        return one_line(error)
    return None


def daemon_is_alive() -> bool:
    """Whether a Dagster daemon works on this instance, so that enqueued batches will start.

    Dagster itself calls one healthy for half an hour after its last heartbeat; one comes every 30 s.
    """
    statuses = dg.DagsterInstance.get().get_daemon_statuses().values()
    beats = [status.last_heartbeat.timestamp for status in statuses if status.last_heartbeat]
    return time.time() - max(beats, default=0.0) < DAEMON_SILENCE_SECONDS


def check_loadable(definitions: dg.Definitions) -> None:
    """Raises SyncPipelineError when Dagster cannot load the definitions."""
    try:
        dg.Definitions.validate_loadable(definitions)
    except dg.DagsterError as error:
        raise SyncPipelineError(f"the definitions do not load: {one_line(error)}") from error
