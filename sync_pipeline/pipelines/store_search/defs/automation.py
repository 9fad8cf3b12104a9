"""Jobs, schedules and sensors of `store_search`: what makes batches, what starts them, and what cleans up."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from sync_pipeline.batches.maintenance import forget_old
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.queue import due, reap
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.batches.retries import retry_failed
from sync_pipeline.batches.schedules import request_due
from sync_pipeline.errors import SyncPipelineError, one_line
from sync_pipeline.orchestration.runs import close_batch, delete_old_runs, keep_partitions, run_batch_part, run_tags
from sync_pipeline.pipelines.store_search.defs.partitions import stores
from sync_pipeline.pipelines.store_search.events.claims import stores_with_events
from sync_pipeline.pipelines.store_search.events.hook_check import check_all_hooks
from sync_pipeline.pipelines.store_search.index.cleanup import remove_orphaned_indices
from sync_pipeline.pipelines.store_search.requests import events_request
from sync_pipeline.pipelines.store_search.runtime import StoreSearch
from sync_pipeline.pipelines.store_search.types import EVENTS, PIPELINE, BatchType

DESCRIPTIONS = {
    BatchType.ALL: "Stop words, synonyms, a new index, and all three imports side by side.",
    BatchType.PRODUCT: "Products into a new index.",
    BatchType.CATEGORY: "Categories and web pages into a new index.",
    BatchType.BLOG: "Blog posts into a new index.",
    BatchType.STOP_WORDS: "Stop words, applied by a reindex in the cluster.",
    BatchType.SYNONYMS: "Synonyms, live.",
}

batch_jobs = [
    dg.define_asset_job(
        batch_type.job,
        selection=dg.AssetSelection.assets(*(part.value for part in batch_type.parts)),
        description=DESCRIPTIONS[batch_type],
        tags={"sync_pipeline/type": batch_type.value},
    )
    for batch_type in BatchType
]


@dg.sensor(
    jobs=batch_jobs,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def pending_batches(
    context: dg.SensorEvaluationContext, store_search: dg.ResourceParam[StoreSearch]
) -> dg.SensorResult | dg.SkipReason:
    """Starts a run for every pending batch whose store is free, and fails batches whose runs went silent.

    What failed for a reason that may pass becomes pending again, after a while. Every store gets its partition here.
    One query each, no HTTP. The ledger is the queue: nothing is marked here, so a run that never starts loses nothing.
    """
    for again in retry_failed(store_search.ledger):
        context.log.info("batch %s of store %s is tried again: attempt %s", again.id, again.store_hash, again.attempt)
    for lost in reap(store_search.ledger):
        context.log.warning("batch %s of store %s was lost with its run", lost.id, lost.store_hash)
    startable = [batch for batch in due(store_search.ledger, [PIPELINE]) if batch.store_hash]
    requested = _requests(context, startable, known_stores=[store.hash for store in store_search.stores.list()])
    if not requested.run_requests and not requested.dynamic_partitions_requests:
        return dg.SkipReason("no batch is pending")
    return requested


def _requests(
    context: dg.SensorEvaluationContext, batches: Sequence[SyncBatch], known_stores: Sequence[str] = ()
) -> dg.SensorResult:
    """A run for each batch, and the partitions that its store and the known ones lack."""
    wanted = {*known_stores, *(batch.store_hash or "" for batch in batches)}
    missing = sorted(wanted - set(context.instance.get_dynamic_partitions(stores.name or "")))
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"{batch.id}:{batch.attempt}",
                job_name=drain_events.name if batch.type == EVENTS else BatchType(batch.type).job,
                partition_key=batch.store_hash,
                tags=run_tags(batch),
            )
            for batch in batches
        ],
        dynamic_partitions_requests=[stores.build_add_request(missing)] if missing else [],
    )


@dg.op(description="Applies waiting webhook events to the live indices until none came for a minute.")
def events(context: dg.OpExecutionContext, store_search: dg.ResourceParam[StoreSearch]) -> None:
    """The drain. What it did stands in the ledger and, as figures, in its output's metadata."""
    try:
        with run_batch_part(
            context, store_search.ledger, lambda _: events_request(context.partition_key), planned=(EVENTS,)
        ) as part:
            stats = asyncio.run(store_search.drain(part))
    except SyncPipelineError as error:
        raise dg.Failure(one_line(error), allow_retries=False) from error
    context.add_output_metadata({name: stats[name] for name in stats if isinstance(stats[name], int)})


@dg.job(
    partitions_def=stores,
    executor_def=dg.in_process_executor,
    description="Applies a store's webhook events: one run for all that come within ten minutes.",
    tags={"sync_pipeline/type": EVENTS},
)
def drain_events() -> None:
    """One drain of one store."""
    events()


@dg.sensor(job=drain_events, minimum_interval_seconds=5, default_status=dg.DefaultSensorStatus.RUNNING)
def waiting_events(
    context: dg.SensorEvaluationContext, store_search: dg.ResourceParam[StoreSearch]
) -> dg.SensorResult | dg.SkipReason:
    """Starts one drain for each store that has webhook events and none under way. Only asks the ledger."""
    ledger = store_search.ledger
    for store_hash in stores_with_events(ledger):
        ledger.request(events_request(store_hash))
    startable = due(ledger, [PIPELINE], lane=LaneName.EVENTS)
    if not startable:
        return dg.SkipReason("no event waits")
    return _requests(context, startable)


@dg.schedule(cron_schedule="* * * * *", job=batch_jobs[0], default_status=dg.DefaultScheduleStatus.RUNNING)
def due_batches(context: dg.ScheduleEvaluationContext, store_search: dg.ResourceParam[StoreSearch]) -> dg.SkipReason:
    """Gives every store's schedule that is due its pending batch; `pending_batches` starts it.

    The schedules themselves are rows of the ledger: `sync-pipeline schedules` shows and changes them.
    """
    made = request_due(store_search.ledger, PIPELINE, store_search.settings.sync_pipeline_retries)
    return dg.SkipReason(f"{len(made)} batches were due")


#: Ended runs go with their event logs after this; a day's share at a time, so that the first clean-up ends too.
RUNS_KEPT = timedelta(days=30)
RUNS_AT_ONCE = 5_000


@dg.op
def tidy_up(context: dg.OpExecutionContext, store_search: dg.ResourceParam[StoreSearch]) -> None:
    """Deletes old rows and runs, partitions of stores that were removed, and indices that nobody owns."""
    instance, now = context.instance, store_search.clock.now()
    stats = forget_old(store_search.ledger)
    stats["runs"] = delete_old_runs(instance, older_than=now - RUNS_KEPT, limit=RUNS_AT_ONCE)
    hashes = [store.hash for store in store_search.stores.list()]
    stats["partitions"] = len(keep_partitions(instance, stores.name or "", hashes))
    removed = asyncio.run(remove_orphaned_indices(store_search, holder=f"maintenance:{context.run_id}"))
    context.add_output_metadata({**stats, "indices": removed})


@dg.job
def maintenance() -> None:
    """Removes what is old and over, from the ledger, Dagster's storage and the search cluster."""
    tidy_up()


@dg.op
def look_at_hooks(context: dg.OpExecutionContext, store_search: dg.ResourceParam[StoreSearch]) -> None:
    """Puts right the webhooks that BigCommerce deactivated or lost; a full batch makes good what was missed."""
    found = check_all_hooks(store_search)
    for store_hash, what in found.items():
        if "error" in what:
            context.log.error("the webhooks of store %s could not be looked at: %s", store_hash, what["error"])
    context.add_output_metadata({"stores": dg.MetadataValue.json(found)})
    if failed := sorted(store_hash for store_hash, what in found.items() if "error" in what):
        raise dg.Failure(f"the webhooks of {', '.join(failed)} could not be looked at", allow_retries=False)


@dg.job
def hook_check() -> None:
    """Looks at every store's webhooks at BigCommerce."""
    look_at_hooks()


def _closing(run_status: dg.DagsterRunStatus, name: str, what: str) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=run_status,
        name=name,
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Closes the batch of a run that {what} and left it open: killed, or ended before a step.",
    )
    def sensor(context: dg.RunStatusSensorContext, store_search: dg.ResourceParam[StoreSearch]) -> None:
        closed = close_batch(store_search.ledger, context.dagster_run, what)
        if closed is not None:
            context.log.warning("closed batch %s of store %s: its run %s", closed.id, closed.store_hash, what)

    return sensor


def _daily(name: str, job: dg.JobDefinition, minute_and_hour: str) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=f"{minute_and_hour} * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


jobs = [*batch_jobs, drain_events, maintenance, hook_check]
schedules = [
    due_batches,
    _daily("daily_maintenance", maintenance, "17 4"),
    _daily("daily_hook_check", hook_check, "43 4"),
]
sensors = [
    pending_batches,
    waiting_events,
    _closing(dg.DagsterRunStatus.FAILURE, "failed_runs", "failed"),
    _closing(dg.DagsterRunStatus.CANCELED, "cancelled_runs", "was cancelled"),
]
