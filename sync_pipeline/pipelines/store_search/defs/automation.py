"""Jobs, schedules and sensors that only `store_search` has: a job for each batch type, the drain, the hook check."""

import asyncio
from collections.abc import Sequence

import dagster as dg

from sync_pipeline.batches.queue import due
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.orchestration.reconciliation import Reconciliation
from sync_pipeline.orchestration.run_requests import requests_by_batch
from sync_pipeline.orchestration.runs import always_on, chosen_partition, run_batch_part, run_request
from sync_pipeline.orchestration.tags import MAX_RUNTIME_TAG
from sync_pipeline.orchestration.verification import verify_job
from sync_pipeline.pipelines.store_search import sync
from sync_pipeline.pipelines.store_search.defs.checks import DESCRIPTIONS
from sync_pipeline.pipelines.store_search.defs.partitions import stores
from sync_pipeline.pipelines.store_search.events.claims import stores_with_events
from sync_pipeline.pipelines.store_search.events.hook_check import check_all_hooks
from sync_pipeline.pipelines.store_search.requests import events_request
from sync_pipeline.pipelines.store_search.runtime import StoreSearch
from sync_pipeline.pipelines.store_search.stores.stores import store_name
from sync_pipeline.pipelines.store_search.types import EVENTS, IMPORTS, PIPELINE, BatchType

JOBS = {
    BatchType.ALL: "Stop words, synonyms, a new index, and all three imports side by side.",
    BatchType.PRODUCT: "Products into a new index.",
    BatchType.CATEGORY: "Categories and web pages into a new index.",
    BatchType.BLOG: "Blog posts into a new index.",
    BatchType.STOP_WORDS: "Stop words, applied by a reindex in the cluster.",
    BatchType.SYNONYMS: "Synonyms, live.",
}


def selected(batch_type: BatchType) -> dg.AssetSelection:
    """Returns the assets of a type with the checks of its imports, but for those that compare everything."""
    imports = [dg.AssetKey([PIPELINE, part.value]) for part in batch_type.parts if part in IMPORTS]
    assets = dg.AssetSelection.assets(*([PIPELINE, part.value] for part in batch_type.parts)).without_checks()
    return assets | dg.AssetSelection.checks(*(dg.AssetCheckKey(key, name) for key in imports for name in DESCRIPTIONS))


batch_jobs = {
    batch_type.value: dg.define_asset_job(
        batch_type.job,
        selection=selected(batch_type),
        description=JOBS[batch_type],
        tags={"sync_pipeline/type": batch_type.value},
    )
    for batch_type in BatchType
}


@dg.op(description="Applies waiting webhook events to the live indices until none came for a minute.")
def events(context: dg.OpExecutionContext, store_search: dg.ResourceParam[StoreSearch]) -> None:
    """Runs the drain. What it did stands in the ledger and, as figures, in its output's metadata."""
    ledger = store_search.ledger
    with run_batch_part(
        context, ledger, lambda _: events_request(chosen_partition(context)), title=store_name, planned=(EVENTS,)
    ) as part:
        stats = asyncio.run(sync.drain_events(store_search, part))
    context.add_output_metadata({name: stats[name] for name in stats if isinstance(stats[name], int)})


@dg.job(
    partitions_def=stores,
    executor_def=dg.in_process_executor,
    description="Applies a store's webhook events: one run for all that come within ten minutes.",
    tags={"sync_pipeline/type": EVENTS},
)
def drain_events() -> None:
    """Runs one drain of one store."""
    events()


@dg.sensor(
    job=drain_events,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a drain for each store that has webhook events and none under way.",
)
def waiting_events(
    context: dg.SensorEvaluationContext, store_search: dg.ResourceParam[StoreSearch]
) -> dg.SensorResult | dg.SkipReason:
    """Starts one drain for each store that has webhook events and none under way."""
    ledger = store_search.ledger
    for store_hash in stores_with_events(ledger):
        ledger.request_unless_pending(events_request(store_hash))
    startable = Reconciliation.of(context, ledger, [PIPELINE]).startable(due(ledger, [PIPELINE], lane=LaneName.EVENTS))
    if not startable:
        return dg.SkipReason("no event waits")
    made = requests_by_batch(
        context,
        ledger,
        startable,
        lambda one: run_request(one, drain_events.name, one.store_hash or "", store_name(ledger, one.scope)),
    )
    missing = sorted({batch.store_hash or "" for batch, _ in made} - set(_known(context)))
    return dg.SensorResult(
        run_requests=[request for _, request in made],
        dynamic_partitions_requests=[stores.build_add_request(missing)] if missing else [],
    )


def _known(context: dg.SensorEvaluationContext) -> Sequence[str]:
    return context.instance.get_dynamic_partitions(stores.name or "")


@dg.op(description="Puts right the webhooks of every store that BigCommerce deactivated or lost.")
def look_at_hooks(context: dg.OpExecutionContext, store_search: dg.ResourceParam[StoreSearch]) -> None:
    """Puts right the webhooks that BigCommerce deactivated or lost; a full batch makes good what was missed."""
    found = check_all_hooks(store_search)
    for store_hash, what in found.items():
        if "error" in what:
            context.log.error("the webhooks of store %s could not be looked at: %s", store_hash, what["error"])
    context.add_output_metadata({"stores": dg.MetadataValue.json(found)})
    if failed := sorted(store_hash for store_hash, what in found.items() if "error" in what):
        raise dg.Failure(f"the webhooks of {', '.join(failed)} could not be looked at", allow_retries=False)


@dg.job(
    description="Looks at every store's webhooks at BigCommerce, and puts right what it deactivated or lost.",
    tags={MAX_RUNTIME_TAG: "3600"},
)
def hook_check() -> None:
    """Looks at every store's webhooks at BigCommerce."""
    look_at_hooks()


verify_indices = verify_job(PIPELINE, stores)
jobs = [*batch_jobs.values(), verify_indices, drain_events, hook_check]
schedules = [always_on("daily_hook_check", hook_check, "43 4 * * *")]
sensors = [waiting_events]
