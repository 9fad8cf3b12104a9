"""The asset check `fresh`: each asset's last success in a scope against the schedules of the scope.

A run that materializes an asset reports it, too: Dagster shows a result that is older than the asset's partition as
"Not Evaluated". The hourly job looks at all scopes, so that no scope needs a run for it; a person may execute it, too.
"""

from collections.abc import Collection, Iterator, Sequence

import dagster as dg

from sync_pipeline.batches.freshness import Freshness, freshness, freshness_of_scopes
from sync_pipeline.core import Core
from sync_pipeline.errors import one_line
from sync_pipeline.orchestration.checks import checked_partition, newest_results, partitioned_check, report_over_scopes
from sync_pipeline.orchestration.members import Member
from sync_pipeline.orchestration.tags import MAX_RUNTIME_TAG
from sync_pipeline.pipeline import Pipeline

CHECK = "fresh"
DESCRIPTION = "The last success is no older than the scope's schedules ask, within an hour of grace."
#: The hour (UTC) in which the job reports every result anew, with its figures; else only those that changed.
REPORTED_ANEW_AT = 4


def fresh_checks(member: Member) -> dg.AssetChecksDefinition:
    """Makes the check of every asset of a pipeline. Jobs that select assets leave them out (``without_checks()``)."""
    pipeline = member.pipeline
    specs = [
        partitioned_check(CHECK, [pipeline.name, part], DESCRIPTION, member.brought.partitions)
        for part in sorted(member.covered)
    ]

    @dg.multi_asset_check(
        name=f"{pipeline.name}_{CHECK}",
        specs=specs,
        can_subset=True,
        description=DESCRIPTION,
        required_resource_keys={"core"},
    )
    def fresh(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        core: Core = context.resources.core
        partition = checked_partition(context)
        if partition is None:
            _report_over_all_scopes(context, member)
            return
        found = freshness(core.ledger, pipeline.scope(partition), member.covered)
        for key in context.selected_asset_check_keys:
            result = found[key.asset_key.path[-1]]
            yield dg.AssetCheckResult(
                passed=result.fresh,
                asset_key=key.asset_key,
                check_name=key.name,
                severity=dg.AssetCheckSeverity.WARN,
                description=result.reason,
                metadata=_metadata(result),
            )

    return fresh


def freshness_job(members: Sequence[Member]) -> dg.JobDefinition:
    """Makes the job that reports the freshness of all scopes of all pipelines."""

    @dg.op(required_resource_keys={"core"}, description="Holds each scope's last successes against its schedules.")
    def report_freshness(context: dg.OpExecutionContext) -> None:
        """Reports what changed; one pipeline's trouble does not stop the others, and the run fails at its end."""
        core: Core = context.resources.core
        anew = core.ledger.clock.now().hour == REPORTED_ANEW_AT
        reported, late, failures = 0, [], []
        for member in members:
            try:
                before = (
                    {}
                    if anew
                    else newest_results(context.instance, [_key(member.pipeline, part) for part in member.covered])
                )
                scopes = member.pipeline.scopes(core.ledger)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one pipeline, the others are told of
                failures.append(f"{member.pipeline.name}: {one_line(error)}")
                continue
            for scope in scopes:
                partition = member.pipeline.scope_name(scope)
                try:
                    found = freshness(core.ledger, scope, member.covered)
                    late += [f"{partition}: {part}: {one.reason}" for part, one in found.items() if not one.fresh]
                    for part, result in found.items():
                        # Not shown either: a result that is older than its asset.
                        if before.get((_key(member.pipeline, part), partition)) != (result.fresh, True):
                            _report(context, member.pipeline, part, partition, result)
                            reported += 1
                except Exception as error:  # noqa: BLE001 - and so with one scope
                    failures.append(f"{scope}: {one_line(error)}")
        context.add_output_metadata({"reported": reported, "late": dg.MetadataValue.json(sorted(late))})
        if failures:
            raise dg.Failure("; ".join(failures), allow_retries=False)

    @dg.job(
        executor_def=dg.in_process_executor,
        description="Reports as the check `fresh` whether each scope's assets are as new as its schedules ask.",
        tags={MAX_RUNTIME_TAG: "900"},
    )
    def freshness_of_scopes() -> None:
        report_freshness()

    return freshness_of_scopes


def report_fresh(context: dg.AssetExecutionContext, pipeline: Pipeline, parts: Collection[str]) -> None:
    """Reports the freshness of what a step has just materialized of its run's scope.

    A part counts from when the ledger has its figures, whatever becomes of the rest of its batch. Nothing that goes
    wrong here fails the step: the hourly job reports what is missing.
    """
    core: Core = context.resources.core
    try:
        covered = Member(pipeline, pipeline.definitions()).covered
        found = freshness(core.ledger, pipeline.scope(context.partition_key), covered)
        for part in parts:
            _report(context, pipeline, part, context.partition_key, found[part])
    except Exception as error:  # noqa: BLE001 - as said above
        context.log.warning("%s was not evaluated: %s", CHECK, one_line(error))


def _report_over_all_scopes(context: dg.AssetCheckExecutionContext, member: Member) -> None:
    core: Core = context.resources.core
    scopes = member.pipeline.scopes(core.ledger)
    found = freshness_of_scopes(core.ledger, scopes, member.covered)
    for key in context.selected_asset_check_keys:
        results = {scope: parts[key.asset_key.path[-1]] for scope, parts in found.items()}
        verdicts = {scope: (one.fresh, one.reason) for scope, one in results.items()}
        report_over_scopes(context, member.pipeline, key, verdicts, scopes=scopes, severity=dg.AssetCheckSeverity.WARN)


def _report(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    pipeline: Pipeline,
    part: str,
    partition: str,
    result: Freshness,
) -> None:
    # An event of the run: Dagster keeps one result without a run for each check and partition, and no second.
    context.log_event(  # its annotation leaves out what it takes
        dg.AssetCheckEvaluation(  # pyright: ignore[reportArgumentType]
            asset_key=dg.AssetKey([pipeline.name, part]),
            check_name=CHECK,
            passed=result.fresh,
            severity=dg.AssetCheckSeverity.WARN,
            description=result.reason,
            metadata=_metadata(result),
            partition=partition,
        )
    )


def _key(pipeline: Pipeline, part: str) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(dg.AssetKey([pipeline.name, part]), CHECK)


def _metadata(result: Freshness) -> dict[str, dg.MetadataValue]:
    metadata: dict[str, dg.MetadataValue] = {"schedules": dg.MetadataValue.text("; ".join(result.schedules) or "none")}
    if result.last_success is not None:
        metadata["last_success"] = dg.MetadataValue.timestamp(result.last_success)
    return metadata
