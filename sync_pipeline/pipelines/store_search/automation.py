"""Jobs and sensors of `store_search`: one job for each batch type, and the sensor that starts pending batches."""

import dagster as dg

from sync_pipeline.batches.queue import due, reap
from sync_pipeline.dagster_runs import close_batch, run_tags
from sync_pipeline.pipelines.store_search.partitions import stores
from sync_pipeline.pipelines.store_search.sync import StoreSearch
from sync_pipeline.pipelines.store_search.types import PIPELINE, BatchType

DESCRIPTIONS = {
    BatchType.ALL: "Stop words, synonyms, a new index, and all three imports side by side.",
    BatchType.PRODUCT: "Products into a new index.",
    BatchType.CATEGORY: "Categories and web pages into a new index.",
    BatchType.BLOG: "Blog posts into a new index.",
    BatchType.STOP_WORDS: "Stop words, applied by a reindex in the cluster.",
    BatchType.SYNONYMS: "Synonyms, live.",
}

jobs = [
    dg.define_asset_job(
        batch_type.job,
        selection=dg.AssetSelection.assets(*(part.value for part in batch_type.parts)),
        description=DESCRIPTIONS[batch_type],
        tags={"sync_pipeline/type": batch_type.value},
    )
    for batch_type in BatchType
]


@dg.sensor(
    jobs=jobs,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def pending_batches(
    context: dg.SensorEvaluationContext, store_search: dg.ResourceParam[StoreSearch]
) -> dg.SensorResult | dg.SkipReason:
    """Starts a run for every pending batch whose store is free, and fails batches whose runs went silent.

    Every store gets its partition here. One query each, no HTTP. The ledger is the queue: nothing is marked here, so a
    run that never starts loses nothing.
    """
    for lost in reap(store_search.ledger):
        context.log.warning("batch %s of store %s was lost with its run", lost.id, lost.store_hash)
    startable = [batch for batch in due(store_search.ledger, PIPELINE) if batch.store_hash]
    known = set(context.instance.get_dynamic_partitions(stores.name or ""))
    wanted = {store.hash for store in store_search.stores.list()} | {batch.store_hash or "" for batch in startable}
    missing = sorted(wanted - known)
    if not startable and not missing:
        return dg.SkipReason("no batch is pending")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"{batch.id}:{batch.attempt}",
                job_name=BatchType(batch.type).job,
                partition_key=batch.store_hash,
                tags=run_tags(batch),
            )
            for batch in startable
        ],
        dynamic_partitions_requests=[stores.build_add_request(missing)] if missing else [],
    )


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


sensors = [
    pending_batches,
    _closing(dg.DagsterRunStatus.FAILURE, "failed_runs", "failed"),
    _closing(dg.DagsterRunStatus.CANCELED, "cancelled_runs", "was cancelled"),
]
