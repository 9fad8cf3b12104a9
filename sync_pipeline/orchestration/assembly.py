"""What Dagster loads, put together from the pipelines and the automation that all of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from sync_pipeline.errors import UsageError
from sync_pipeline.orchestration.automation import automation
from sync_pipeline.orchestration.freshness import fresh_checks
from sync_pipeline.orchestration.members import Member

if TYPE_CHECKING:
    from sync_pipeline.batches.models import SyncBatch
    from sync_pipeline.pipeline import Pipeline


@dataclass(frozen=True)
class Assembly:
    """All members, by the pipeline's name, and the definitions of the whole."""

    members: Mapping[str, Member]
    definitions: dg.Definitions

    def member(self, batch: SyncBatch) -> Member:
        """Returns the member that runs a batch. Raises UsageError for one of a pipeline that is not configured here."""
        member = self.members.get(batch.pipeline)
        if member is None:
            raise UsageError(f"batch {batch.id} is of pipeline {batch.pipeline}, which is not configured here")
        return member


def assemble(pipelines: Sequence[Pipeline], resources: Mapping[str, Any]) -> Assembly:
    """Puts the definitions of all pipelines together. ``resources``: `core`, and each pipeline's runtime by name."""
    members = {pipeline.name: Member(pipeline, pipeline.definitions()) for pipeline in pipelines}
    every = [*(member.brought.definitions for member in members.values()), automation(list(members.values()))]
    # Not Definitions.merge, which makes every sensor anew.
    whole = dg.Definitions(
        assets=[one for made in every for one in made.assets or ()],
        asset_checks=[
            *(one for made in every for one in made.asset_checks or ()),
            *(fresh_checks(member) for member in members.values()),
        ],
        jobs=[one for made in every for one in made.jobs or ()],
        schedules=[one for made in every for one in made.schedules or ()],
        sensors=[one for made in every for one in made.sensors or ()],
        resources=dict(resources),
        # Each step process would cost 2.3 CPU-seconds; the parts of a batch share one and overlap in it.
        executor=dg.in_process_executor,
    )
    return Assembly(members, whole)
