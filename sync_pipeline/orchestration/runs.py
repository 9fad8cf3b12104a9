"""Dagster runs as the rest of the project sees them: tags, a step as a batch part, jobs run in this process."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg

from sync_pipeline.batches.failures import CANCELLED, INTERRUPTED, Failure, describe, lost
from sync_pipeline.batches.parts import Run, batch_part
from sync_pipeline.batches.requests import SELECTION
from sync_pipeline.batches.retries import run_again
from sync_pipeline.batches.rows import selected_parts
from sync_pipeline.errors import Retry, SyncPipelineError, UsageError, one_line
from sync_pipeline.logs import Log
from sync_pipeline.orchestration.instance import (
    DagsterStorageUnavailableError,
    current_instance,
    exceeded_max_runtime,
    is_launched,
    reachable_storage,
    storage_unavailable,
)
from sync_pipeline.orchestration.tags import (
    PARENT_TAG,
    PARTITION_TAG,
    is_run_of,
    run_key,
    run_tags,
    tagged_attempt,
    tagged_batch,
    trigger_of,
    why_ended,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sync_pipeline.batches.ledger import BatchRequest, Ledger
    from sync_pipeline.batches.models import SyncBatch
    from sync_pipeline.batches.parts import BatchPart

    #: Returns the name by which people know a scope (``Pipeline.title``).
    Title = Callable[[Ledger, str], str | None]

log = Log("sync_pipeline.orchestration")

#: The only part of a dry run.
DRY_RUN = "dry_run"

#: A step of whatever kind.
StepContext = dg.AssetExecutionContext | dg.OpExecutionContext | dg.AssetCheckExecutionContext


def run_request(batch: SyncBatch, job: str, partition_key: str, title: str | None) -> dg.RunRequest:
    """Makes the request of a batch's run: one for each attempt, however often it is made."""
    parts = selected_parts(batch) if batch.type == SELECTION else ()
    return dg.RunRequest(
        run_key=run_key(batch),
        job_name=job,
        partition_key=partition_key,
        tags=run_tags(batch, title),
        asset_selection=[dg.AssetKey([batch.pipeline, part]) for part in parts] or None,
    )


def chosen_partition(context: StepContext) -> str:
    """Returns the partition that a run was started for. Raises UsageError for a run of none."""
    partition = context.run.tags.get(PARTITION_TAG)
    if partition is None:
        raise UsageError("start the run with a partition, that is, for one scope")
    return partition


def planned_parts(context: StepContext) -> tuple[str, ...]:
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
    title: Title,
    planned: tuple[str, ...] | None = None,
) -> Iterator[BatchPart]:
    """Opens `batch_part` for a Dagster step. ``by_hand`` makes the request of a run that carries no batch.

    Such a run gets the tags of the batch that is made for it; ``title`` is the pipeline's. ``planned`` are the run's
    parts, by default the assets that it materializes; a dry run has one of its own. What the project can say in one
    line ends the step as a Failure that says it, and that Dagster does not retry.
    """
    try:
        planned = planned_parts(context) if planned is None else planned
        run = _run_of(context, ledger, by_hand, planned, title)
        if (ledger.get(run.batch) if isinstance(run.batch, int) else run.batch).dry_run:
            run = replace(run, planned=(DRY_RUN,))
        with batch_part(ledger, run, describe=lambda error: _describe(context, error)) as part:
            if not isinstance(run.batch, int):
                context.instance.add_run_tags(run.run_id, run_tags(part.batch, title(ledger, part.batch.scope)))
            yield part
    except SyncPipelineError as error:
        raise dg.Failure(one_line(error), allow_retries=False) from error


def _run_of(
    context: StepContext,
    ledger: Ledger,
    by_hand: Callable[[tuple[str, ...]], BatchRequest],
    planned: tuple[str, ...],
    title: Title,
) -> Run:
    """Returns the run with the batch that it carries, or the request of one.

    *Re-execute* in the UI copies the tags of the run that it repeats; the run gets those of its own batch.
    """
    # Not the step's copy: an earlier step may have made the run's batch.
    run = context.instance.get_run_by_id(context.run.run_id) or context.run
    carried = tagged_batch(run.tags)
    if carried is None:
        request = replace(by_hand(planned), trigger=trigger_of(run.tags), reserved_for=run.run_id)
        return Run(run.run_id, planned, request)
    found = ledger.find(carried)
    if found is not None and not is_run_of(run.tags, found):
        raise UsageError(
            f"batch {carried} is not the one that this run was started for: the ledger was restored from before that. "
            "Start a new run"
        )
    if PARENT_TAG not in run.tags or _is_own(ledger, carried, run.run_id):
        # Nothing is asked of its pipeline: what is wrong with its scope is then said by the batch itself.
        return Run(run.run_id, planned, carried, tagged_attempt(run.tags))
    batch = run_again(ledger, carried, run_id=run.run_id)
    context.instance.add_run_tags(run.run_id, run_tags(batch, title(ledger, batch.scope)))
    return Run(run.run_id, planned, batch.id, batch.attempt)


def _is_own(ledger: Ledger, batch_id: int, run_id: str) -> bool:
    """Returns whether the run holds the batch, or held an attempt of it that is over."""
    held = ledger.of_run(run_id)
    return held is not None or any(one.dagster_run_id == run_id for one in ledger.attempts(batch_id))


def _describe(context: StepContext, error: BaseException) -> Failure:
    """Reads what the ledger keeps of an error: what comes of a person's *Terminate* is a cancel, whatever it says.

    The end of a run that Dagster launched and nobody terminated is that of its surroundings, unless Dagster has ended
    it: a run that worked too long counts as an attempt, since the next would work as long.
    """
    failure = describe(error)
    if failure.retry is Retry.NEVER:
        return failure
    try:
        record = context.instance.get_run_record_by_id(context.run.run_id)
        run = context.run if record is None else record.dagster_run
        number = tagged_batch(run.tags) or 0
        timed_out = record is not None and exceeded_max_runtime(context.instance, record)
    except Exception as away:  # noqa: BLE001 - the batch is closed, whatever Dagster's storage says
        log.warning("run not found", run=context.run.run_id, error=one_line(away))
        return failure
    if run.status in {dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED}:
        if why_ended(run) == INTERRUPTED.kind:
            return INTERRUPTED
        return lost(number, "its run exceeded its maximum runtime") if timed_out else CANCELLED
    if failure == CANCELLED and run.status is dg.DagsterRunStatus.FAILURE:
        return lost(number, "Dagster marked its run as failed while it worked")
    return INTERRUPTED if failure == CANCELLED and is_launched(run) else failure


def run_job(
    definitions: dg.Definitions,
    job: str,
    *,
    batch: SyncBatch,
    run_id: str,
    partition_set: str,
    partition_key: str,
    title: str | None = None,
) -> SyncPipelineError | None:
    """Runs a job in this process, recorded in Dagster's storage; returns what broke outside the parts, or None.

    The partition is added to its set first. Needs the environment that `sync-pipeline env` prints. The batch's own
    errors are in the ledger.
    """
    try:
        with reachable_storage():
            instance = current_instance()
            instance.add_dynamic_partitions(partition_set, [partition_key])
            result = definitions.resolve_job_def(job).execute_in_process(
                instance=instance,
                partition_key=partition_key,
                tags=run_tags(batch, title),
                run_id=run_id,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=False,
            )
    except DagsterStorageUnavailableError as error:
        return error
    except dg.DagsterError as error:
        return SyncPipelineError(one_line(error))
    return None if result.success else _why_failed(result)


def check_loadable(definitions: dg.Definitions) -> None:
    """Raises SyncPipelineError when Dagster cannot load the definitions."""
    try:
        dg.Definitions.validate_loadable(definitions)
    except dg.DagsterError as error:
        raise SyncPipelineError(f"the definitions do not load: {one_line(error)}") from error


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
    databases = {"DagsterPostgresException", "DagsterMySQLException", "OperationalError", "InterfaceError"}
    away = databases & {error.cls_name for error in chain}
    return storage_unavailable(message) if away else SyncPipelineError(one_line(message))


def always_on(name: str, job: dg.JobDefinition, cron: str) -> dg.ScheduleDefinition:
    """Returns a schedule (in UTC) that runs a job and is on by itself."""
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=job.description,
    )
