"""What `store_search` brings to Dagster."""

import dagster as dg

from sync_pipeline.batches.requests import VERIFY
from sync_pipeline.orchestration.members import PipelineDefinitions
from sync_pipeline.pipelines.store_search.defs import assets, automation, checks
from sync_pipeline.pipelines.store_search.defs.partitions import former, stores
from sync_pipeline.pipelines.store_search.types import EVENTS


def build() -> PipelineDefinitions:
    """Returns the chain of assets with its checks and jobs, the drain of webhook events, and the daily hook check."""
    return PipelineDefinitions(
        definitions=dg.Definitions(
            assets=assets.assets,
            asset_checks=checks.checks,
            jobs=automation.jobs,
            schedules=automation.schedules,
            sensors=automation.sensors,
        ),
        jobs={**automation.batch_jobs, EVENTS: automation.drain_events, VERIFY: automation.verify_indices},
        partitions=stores,
        former=former,
    )
