"""The asset check `fresh`: each asset's last success in a scope against the schedules of the scope.

The hourly job asks for all scopes at once, so that no scope needs a run for it; a person may execute it, too.
"""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from sync_pipeline.batches.freshness import Freshness, freshness
from sync_pipeline.core import Core
from sync_pipeline.errors import one_line
from sync_pipeline.orchestration.checks import checked_partition, partitioned_check
from sync_pipeline.orchestration.members import Member
from sync_pipeline.orchestration.tags import MAX_RUNTIME_TAG

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
        partition = checked_partition(context, pipeline.name)
        if partition is None:
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
                before = {} if anew else _newest_results(context.instance, member)
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
                        if before.get((part, partition)) is not result.fresh:
                            _report(context, member, part, partition, result)
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


def _report(context: dg.OpExecutionContext, member: Member, part: str, partition: str, result: Freshness) -> None:
    # An event of the run: Dagster keeps one result without a run for each check and partition, and no second.
    context.log_event(  # its annotation leaves out what it takes
        dg.AssetCheckEvaluation(  # pyright: ignore[reportArgumentType]
            asset_key=dg.AssetKey([member.pipeline.name, part]),
            check_name=CHECK,
            passed=result.fresh,
            severity=dg.AssetCheckSeverity.WARN,
            description=result.reason,
            metadata=_metadata(result),
            partition=partition,
        )
    )


def _newest_results(instance: dg.DagsterInstance, member: Member) -> Mapping[tuple[str, str | None], bool | None]:
    """Returns by part and partition whether the newest result said fresh; None for one that was never evaluated."""
    keys = [dg.AssetCheckKey(dg.AssetKey([member.pipeline.name, part]), CHECK) for part in member.covered]
    said = {"SUCCEEDED": True, "FAILED": False}
    return {
        (info.check_key.asset_key.path[-1], info.partition_key): said.get(info.latest_execution_status.value)
        for info in instance.event_log_storage.get_asset_check_partition_info(keys)
    }


def _metadata(result: Freshness) -> dict[str, dg.MetadataValue]:
    metadata: dict[str, dg.MetadataValue] = {"schedules": dg.MetadataValue.text("; ".join(result.schedules) or "none")}
    if result.last_success is not None:
        metadata["last_success"] = dg.MetadataValue.timestamp(result.last_success)
    return metadata
