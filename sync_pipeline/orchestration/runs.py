"""Dagster runs as the rest of the project sees them: tags, a step as a batch part, jobs run in this process."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg
from sqlalchemy.exc import DBAPIError

from sync_pipeline.batches.ledger import BatchLostError
from sync_pipeline.batches.parts import Run, batch_part
from sync_pipeline.batches.requests import Trigger
from sync_pipeline.batches.states import Status
from sync_pipeline.errors import Retry, ServiceUnavailableError, SyncPipelineError, UsageError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime

    from sync_pipeline.batches.ledger import BatchRequest, Ledger
    from sync_pipeline.batches.models import SyncBatch
    from sync_pipeline.batches.parts import BatchPart

BATCH_TAG = "sync_pipeline/batch"
ATTEMPT_TAG = "sync_pipeline/attempt"
#: Without a heartbeat for so long, no daemon works.
DAEMON_SILENCE_SECONDS = 90.0
SCHEDULE_TAG = "dagster/schedule_name"
PARTITION_TAG = "dagster/partition"
#: A step of whatever kind.
StepContext = dg.AssetExecutionContext | dg.OpExecutionContext | dg.AssetCheckExecutionContext
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
IN_FLIGHT = [status for status in dg.DagsterRunStatus if status not in ENDED]


class DagsterStorageUnavailableError(ServiceUnavailableError):
    """The PostgreSQL that Dagster keeps its runs in cannot be reached, or went away."""

    kind = "dagster_storage_unavailable"


def run_tags(batch: SyncBatch) -> dict[str, str]:
    """Returns the tags of a batch's run, by which people and sensors find it."""
    tags = {
        BATCH_TAG: str(batch.id),
        ATTEMPT_TAG: str(batch.attempt),
        "sync_pipeline/pipeline": batch.pipeline,
        "sync_pipeline/scope": batch.scope,
        "sync_pipeline/type": batch.type,
        "sync_pipeline/trigger": batch.trigger,
    }
    if batch.lane is not None:
        tags["sync_pipeline/lane"] = batch.lane
        # What dagster.yaml bounds: how many runs of a pipeline's lane there are at once.
        tags["sync_pipeline/pipeline_lane"] = f"{batch.pipeline}/{batch.lane}"
    if batch.store_hash is not None:
        tags["sync_pipeline/store"] = batch.store_hash
    return tags


def run_request(batch: SyncBatch, job: str, partition_key: str) -> dg.RunRequest:
    """Makes the request of a batch's run: one for each attempt, however often it is made."""
    return dg.RunRequest(
        run_key=f"{batch.id}:{batch.attempt}", job_name=job, partition_key=partition_key, tags=run_tags(batch)
    )


def tagged_batch(tags: Mapping[str, str]) -> int | None:
    """Returns the batch that a run's tags name, if any. Raises UsageError when it is no number."""
    value = tags.get(BATCH_TAG)
    if value is None:
        return None
    if not value.isdecimal():
        raise UsageError(f"the run's tag {BATCH_TAG} is {value!r}, not the number of a batch")
    return int(value)


def planned_parts(
    context: StepContext,
) -> tuple[str, ...]:
    """Returns the assets that this run will materialize, by name (a re-execution plans only what it repeats)."""
    layer = context.job_def.asset_layer
    steps = context.run.step_keys_to_execute
    return tuple(
        key.path[-1]
        for key in sorted(layer.executable_asset_keys)
        if not steps or layer.get(key).assets_def.op.name in steps
    )


@contextmanager
def run_batch_part(
    context: StepContext,
    ledger: Ledger,
    by_hand: Callable[[tuple[str, ...]], BatchRequest],
    *,
    planned: tuple[str, ...] | None = None,
) -> Iterator[BatchPart]:
    """Opens `batch_part` for a Dagster step. ``by_hand`` makes the request of a run that carries no batch.

    ``planned`` are the run's parts, by default the assets that it materializes. What the project can say in one line
    ends the step as a Failure that says it, and that Dagster does not retry.
    """
    try:
        tags = context.run.tags
        planned = planned_parts(context) if planned is None else planned
        run = Run(
            run_id=context.run.run_id,
            planned=planned,
            batch_id=tagged_batch(tags),
            request=replace(by_hand(planned), trigger=trigger_of(tags), reserved_for=context.run.run_id),
        )
        with batch_part(ledger, run) as part:
            yield part
    except SyncPipelineError as error:
        raise dg.Failure(one_line(error), allow_retries=False) from error


def trigger_of(tags: Mapping[str, str]) -> Trigger:
    """Returns who started a run that carries no batch: a schedule, or a person."""
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
        return ledger.fail(batch, kind="lost", message=message, retry=Retry.LATER)
    except BatchLostError:
        return None  # closed by its run or a reaper at this very moment


def _batch_that_waits_for(ledger: Ledger, run: dg.DagsterRun) -> SyncBatch | None:
    """Returns the unclaimed batch whose present attempt the run was started for."""
    batch_id = tagged_batch(run.tags)
    batch = None if batch_id is None else ledger.find(batch_id)
    if batch is None or batch.dagster_run_id is not None or run.tags.get(ATTEMPT_TAG) != str(batch.attempt):
        return None
    return batch


def run_job(
    definitions: dg.Definitions, job: str, *, batch: SyncBatch, run_id: str, partition_set: str, partition_key: str
) -> SyncPipelineError | None:
    """Runs a job in this process, recorded in Dagster's storage; returns what broke outside the parts, or None.

    The partition is added to its set first. Needs the environment that `sync-pipeline env` prints. The batch's own
    errors are in the ledger.
    """
    try:
        with _reachable_storage():
            instance = dg.DagsterInstance.get()
            instance.add_dynamic_partitions(partition_set, [partition_key])
            result = definitions.resolve_job_def(job).execute_in_process(
                instance=instance,
                partition_key=partition_key,
                tags=run_tags(batch),
                run_id=run_id,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=False,
            )
    except DagsterStorageUnavailableError as error:
        return error
    except dg.DagsterError as error:
        return SyncPipelineError(one_line(error))
    return None if result.success else _why_failed(result)


def terminate_runs(batch: SyncBatch) -> list[str]:
    """Asks Dagster to end the runs of a batch's attempt, also one that still waits in the queue; those that it will.

    A run that another process of ours executes by itself is none of them: the ledger's fence stops that one at its next
    write. Raises DagsterStorageUnavailableError.
    """
    with _reachable_storage():
        instance = dg.DagsterInstance.get()
        return [run_id for run_id in runs_in_flight(instance, batch) if _terminates(instance, run_id)]


def runs_in_flight(instance: dg.DagsterInstance, batch: SyncBatch) -> list[str]:
    """Returns the unfinished runs of a batch's attempt: the one that holds it, and those that were started for it."""
    tags = {BATCH_TAG: str(batch.id), ATTEMPT_TAG: str(batch.attempt)}
    filters = [dg.RunsFilter(statuses=IN_FLIGHT, tags=tags)]
    if batch.dagster_run_id is not None:  # one that a person started carries no batch
        filters.append(dg.RunsFilter(statuses=IN_FLIGHT, run_ids=[batch.dagster_run_id]))
    return sorted({run_id for each in filters for run_id in instance.get_run_ids(each)})


def _terminates(instance: dg.DagsterInstance, run_id: str) -> bool:
    try:
        return instance.run_coordinator.cancel_run(run_id)
    except dg.DagsterError:  # its code server is away, and the run with it
        return False


def delete_old_runs(instance: dg.DagsterInstance, *, older_than: datetime, limit: int) -> int:
    """Deletes runs that ended before ``older_than``, with their event logs, the oldest first; how many it were."""
    ended = dg.RunsFilter(statuses=ENDED, updated_before=older_than)
    records = instance.get_run_records(ended, limit=limit, order_by="update_timestamp", ascending=True)
    for record in records:
        instance.delete_run(record.dagster_run.run_id)
    return len(records)


def keep_partitions(instance: dg.DagsterInstance, name: str, wanted: Collection[str]) -> list[str]:
    """Removes dynamic partitions that are not ``wanted`` and have no run in flight; returns them."""
    unwanted = sorted(set(instance.get_dynamic_partitions(name)) - set(wanted))
    removed = []
    for key in unwanted:
        in_flight = dg.RunsFilter(statuses=IN_FLIGHT, tags={PARTITION_TAG: key})
        if not instance.get_run_ids(in_flight, limit=1):
            instance.delete_dynamic_partition(name, key)
            removed.append(key)
    return removed


def daemon_is_alive() -> bool:
    """Returns whether a Dagster daemon works on this instance, so that enqueued batches will start.

    Dagster itself calls one healthy for half an hour after its last heartbeat; one comes every 30 s. Raises
    DagsterStorageUnavailableError.
    """
    with _reachable_storage():
        statuses = dg.DagsterInstance.get().get_daemon_statuses().values()
    beats = [status.last_heartbeat.timestamp for status in statuses if status.last_heartbeat]
    return time.time() - max(beats, default=0.0) < DAEMON_SILENCE_SECONDS


def check_loadable(definitions: dg.Definitions) -> None:
    """Raises SyncPipelineError when Dagster cannot load the definitions."""
    try:
        dg.Definitions.validate_loadable(definitions)
    except dg.DagsterError as error:
        raise SyncPipelineError(f"the definitions do not load: {one_line(error)}") from error


@contextmanager
def _reachable_storage() -> Iterator[None]:
    """Turns what Dagster raises when its PostgreSQL is away into DagsterStorageUnavailableError."""
    from dagster_postgres.utils import DagsterPostgresException  # noqa: PLC0415 - only who has an instance needs it

    try:
        yield
    except (DagsterPostgresException, DBAPIError) as error:
        first: BaseException = error
        while first.__cause__ is not None:
            first = first.__cause__
        raise _storage_unavailable(str(first)) from error


def _why_failed(result: dg.ExecuteInProcessResult) -> SyncPipelineError:
    """Returns what a step of a failed run failed with, as Dagster noted it."""
    failure = next((event.step_failure_data.error for event in result.all_events if event.is_step_failure), None)
    chain = []
    while failure is not None:
        chain.append(failure)
        failure = failure.cause
    if not chain:
        return SyncPipelineError("the run failed before its first step")
    message = chain[-1].message.partition(": ")[2]
    away = {"DagsterPostgresException", "OperationalError", "InterfaceError"} & {error.cls_name for error in chain}
    return _storage_unavailable(message) if away else SyncPipelineError(one_line(message))


def _storage_unavailable(reason: str) -> DagsterStorageUnavailableError:
    return DagsterStorageUnavailableError(f"PostgreSQL of Dagster's storage cannot be reached: {one_line(reason, 200)}")


def daily(name: str, job: dg.JobDefinition, minute_and_hour: str) -> dg.ScheduleDefinition:
    """Returns a schedule that runs a job each day at a time (UTC), given as the first two fields of cron."""
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=f"{minute_and_hour} * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
