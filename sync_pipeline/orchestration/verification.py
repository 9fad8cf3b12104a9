"""Verify batches in Dagster: a job for those of the ledger, and an asset check `in_step` that a person can run.

Both compare source and destination when they run, and record a batch of type `verify`.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from sync_pipeline.batches.requests import VERIFY, Ask
from sync_pipeline.core import Core
from sync_pipeline.orchestration.checks import checked_partition, partitioned_check, unplotted
from sync_pipeline.orchestration.runs import run_batch_part
from sync_pipeline.pipeline import Pipeline

CHECK = "in_step"
DESCRIPTION = "The destination holds what the source would deliver now, document by document."


def in_step_checks(
    pipeline: str, parts: Sequence[str], partitions: dg.PartitionsDefinition
) -> dg.AssetChecksDefinition:
    """Makes the checks of a pipeline's assets ``pipeline/part``; each run of them is a batch of type `verify`.

    Jobs that select assets leave them out (``without_checks()``): comparing takes about as long as importing.
    """
    specs = [partitioned_check(CHECK, [pipeline, part], DESCRIPTION, partitions) for part in parts]

    @dg.multi_asset_check(
        name=f"{pipeline}_{CHECK}",
        specs=specs,
        can_subset=True,
        description=DESCRIPTION,
        required_resource_keys={"core", pipeline},
    )
    def in_step(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        core: Core = context.resources.core
        partition = checked_partition(context, pipeline)
        if partition is None:
            return
        own = core.ledger.of_run(context.run.run_id)
        if own is not None and own.type != VERIFY:
            # *Materialize* in the UI selects every check of its assets.
            context.log.info("%s was not evaluated: launch the job %s_%s to compare a scope", CHECK, pipeline, VERIFY)
            return
        described = core.pipelines[pipeline]
        selected = {key.asset_key for key in context.selected_asset_check_keys}
        with run_batch_part(
            context, core.ledger, _by_hand(described, partition), title=described.title, planned=(VERIFY,)
        ) as part:
            found = described.verified(getattr(context.resources, pipeline), part)
        for name, result in found.items():
            key = dg.AssetKey([pipeline, name])
            if key in selected:
                yield dg.AssetCheckResult(
                    passed=result.in_step, asset_key=key, check_name=CHECK, metadata=unplotted(result.as_dict())
                )

    return in_step


def verify_job(pipeline: str, partitions: dg.PartitionsDefinition) -> dg.JobDefinition:
    """Makes the job that runs a pipeline's verify batches. What it finds is also the result of the checks."""

    @dg.op(name=f"compare_{pipeline}", required_resource_keys={"core", pipeline})
    def compare(context: dg.OpExecutionContext) -> None:
        """Compares the destination of a scope with its source, and repairs it if the batch says so."""
        core: Core = context.resources.core
        described = core.pipelines[pipeline]
        with run_batch_part(
            context, core.ledger, _by_hand(described, context.partition_key), title=described.title, planned=(VERIFY,)
        ) as part:
            found = described.verified(getattr(context.resources, pipeline), part)
        for name, result in found.items():
            # An event of the run: Dagster keeps one result without a run for each check and partition, and no second.
            context.log_event(  # its annotation leaves out what it takes
                dg.AssetCheckEvaluation(  # pyright: ignore[reportArgumentType]
                    asset_key=dg.AssetKey([pipeline, name]),
                    check_name=CHECK,
                    passed=result.in_step,
                    metadata=unplotted(result.as_dict()),
                    partition=context.partition_key,
                )
            )

    @dg.job(
        name=f"{pipeline}_{VERIFY}",
        partitions_def=partitions,
        executor_def=dg.in_process_executor,
        description="Compares what the destination holds with what the source would deliver now.",
        tags={"sync_pipeline/type": VERIFY},
    )
    def job() -> None:
        compare()

    return job


def _by_hand(pipeline: Pipeline, name: str):
    """Makes the request of a run that a person started."""
    return lambda _: pipeline.verify_request(Ask(name, VERIFY))
