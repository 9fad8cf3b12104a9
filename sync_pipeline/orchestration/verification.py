"""Verify batches in Dagster: an asset check `in_step` for each part, which compares when it runs."""

from collections.abc import Iterator, Sequence

import dagster as dg

from sync_pipeline.batches.requests import VERIFY, Ask
from sync_pipeline.core import Core
from sync_pipeline.orchestration.runs import run_batch_part
from sync_pipeline.pipeline import Pipeline

CHECK = "in_step"
DESCRIPTION = "The destination holds what the source would deliver now, document by document."


def in_step_checks(
    pipeline: str, parts: Sequence[str], partitions: dg.PartitionsDefinition
) -> dg.AssetChecksDefinition:
    """Makes the checks of a pipeline's assets ``pipeline/part``; each run of them is a batch of type `verify`.

    They are left out of jobs that select assets ``without_checks()``: comparing takes about as long as importing.
    """

    @dg.multi_asset_check(
        name=f"{pipeline}_{CHECK}",
        specs=[
            dg.AssetCheckSpec(CHECK, asset=[pipeline, part], description=DESCRIPTION, partitions_def=partitions)
            for part in parts
        ],
        can_subset=True,
        required_resource_keys={"core", pipeline},
    )
    def in_step(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        core: Core = context.resources.core
        described: Pipeline = core.pipelines[pipeline]
        runtime = getattr(context.resources, pipeline)
        selected = {key.asset_key for key in context.selected_asset_check_keys}

        def by_hand(_: Sequence[str]):
            return described.verify_request(Ask(context.partition_key, VERIFY))

        with run_batch_part(context, core.ledger, by_hand, planned=(VERIFY,)) as part:
            found = described.verified(runtime, part)
        for name, result in found.items():
            key = dg.AssetKey([pipeline, name])
            if key in selected:
                yield dg.AssetCheckResult(
                    passed=result.in_step, asset_key=key, check_name=CHECK, metadata=result.as_dict()
                )

    return in_step


def verify_job(pipeline: str, parts: Sequence[str]) -> dg.JobDefinition:
    """Makes the job that runs a pipeline's verify batches."""
    selection = dg.AssetSelection.checks(*(dg.AssetCheckKey(dg.AssetKey([pipeline, part]), CHECK) for part in parts))
    return dg.define_asset_job(
        f"{pipeline}_{VERIFY}",
        selection=selection,
        description="Compares what the destination holds with what the source would deliver now.",
    )  # type: ignore[return-value]
