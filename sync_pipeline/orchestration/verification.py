"""Verify batches in Dagster: a job for those of the ledger, and an asset check `in_step` that a person can run.

Both compare source and destination when they run, and record a batch of type `verify`. Runs that plan the check beside
other work, or for all scopes, show what the newest such batch found.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC

import dagster as dg

from sync_pipeline.batches.requests import VERIFY, Ask
from sync_pipeline.batches.stats import Verified, newest_verified, recorded_since
from sync_pipeline.core import Core
from sync_pipeline.orchestration.checks import checked_partition, partitioned_check, report_over_scopes, unplotted
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
        described = core.pipelines[pipeline]
        partition = checked_partition(context)
        if partition is None:
            _report_over_all_scopes(context, described)
            return
        own = core.ledger.of_run(context.run.run_id)
        if own is not None and own.type != VERIFY:
            # *Materialize* in the UI selects every check of its assets, and comparing takes as long as importing.
            yield from _known_of(context, described, partition)
            return
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


def _known_of(
    context: dg.AssetCheckExecutionContext, pipeline: Pipeline, partition: str
) -> Iterator[dg.AssetCheckResult]:
    """Yields what the newest verify batches of a scope found; nothing for what was never compared."""
    core: Core = context.resources.core
    scope = pipeline.scope(partition)
    newest = newest_verified(core.ledger, pipeline.name, scope)
    for key in context.selected_asset_check_keys:
        part = key.asset_key.path[-1]
        found = newest.get((scope, part))
        if found is None:
            context.log.info(
                "%s of %s was never compared: launch the job %s_%s", part, partition, pipeline.name, VERIFY
            )
            continue
        imported_since = recorded_since(core.ledger, scope, part, found.at)
        about = {"batch": found.batch, "imported_since": imported_since}
        yield dg.AssetCheckResult(
            passed=found.stats["in_step"],
            asset_key=key.asset_key,
            check_name=key.name,
            description=f"{_when(found)}{', before the newest import' if imported_since else ''}",
            metadata={**unplotted({**found.stats, **about}), "compared_at": dg.MetadataValue.timestamp(found.at)},
        )


def _report_over_all_scopes(context: dg.AssetCheckExecutionContext, pipeline: Pipeline) -> None:
    core: Core = context.resources.core
    newest = newest_verified(core.ledger, pipeline.name)
    scopes = pipeline.scopes(core.ledger)
    for key in context.selected_asset_check_keys:
        found = {
            scope: (one.stats["in_step"], _when(one))
            for (scope, part), one in newest.items()
            if part == key.asset_key.path[-1]
        }
        report_over_scopes(context, pipeline, key, found, scopes=scopes)


def _when(found: Verified) -> str:
    return f"compared {found.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC by batch {found.batch}"


def _by_hand(pipeline: Pipeline, name: str):
    """Makes the request of a run that a person started."""
    return lambda _: pipeline.verify_request(Ask(name, VERIFY))
