"""What all asset checks share: they have the partitions of their assets, and a run without one is over all scopes.

Dagster's UI (1.13) greys *Execute* of a partitioned asset's check out, and its *Execute all* starts a run without a
partition. Each check then has one result over all scopes, made of what is known of each: it compares nothing itself.
A check that a run plans and does not evaluate would be shown as skipped, and hide the result that it had.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from sync_pipeline.core import Core
from sync_pipeline.orchestration.tags import PARTITION_TAG
from sync_pipeline.pipeline import Pipeline

#: How many scopes a result over all of them names.
NAMED = 20


def partitioned_check(
    name: str, asset: list[str], description: str, partitions: dg.PartitionsDefinition
) -> dg.AssetCheckSpec:
    """Describes a check that has a result for each partition of its asset."""
    with warnings.catch_warnings():
        # Without partitions the UI would start a check of no scope, and show one scope's result as that of all.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(name, asset=asset, description=description, partitions_def=partitions)


def checked_partition(context: dg.AssetCheckExecutionContext) -> str | None:
    """Returns the partition that a check is started for; None when it was started for none, that is, for all scopes."""
    return context.run.tags.get(PARTITION_TAG)


def report_over_scopes(
    context: dg.AssetCheckExecutionContext,
    pipeline: Pipeline,
    key: dg.AssetCheckKey,
    found: Mapping[str, tuple[bool, str]],
    *,
    scopes: Sequence[str],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> None:
    """Reports one result over all scopes: passed when each that has a result did. Nothing when none has one.

    ``found`` has by scope whether it passed, and why.
    """
    known = [scope for scope in scopes if scope in found]
    if not known:
        context.log.info("%s of %s was not evaluated: no scope has a result", key.name, key.asset_key.to_user_string())
        return
    core: Core = context.resources.core
    failed = [scope for scope in known if not found[scope][0]]
    named = [f"{pipeline.label(core.ledger, scope)}: {found[scope][1]}" for scope in failed[:NAMED]]
    left_out = f"; and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
    # An event of the run: of a result of a partitioned asset Dagster would ask for the run's partition.
    context.op_execution_context.log_event(  # its annotation leaves out what it takes
        dg.AssetCheckEvaluation(  # pyright: ignore[reportArgumentType]
            asset_key=key.asset_key,
            check_name=key.name,
            passed=not failed,
            severity=severity,
            description=f"over all {pipeline.noun}s: {len(known) - len(failed)} of {len(known)} passed",
            metadata=unplotted(
                {
                    f"{pipeline.noun}s": len(scopes),
                    "not_passed": len(failed),
                    "without_result": len(scopes) - len(known),
                    "which": "; ".join(named) + left_out if failed else "none",
                }
            ),
        )
    )


def newest_results(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey]
) -> dict[tuple[dg.AssetCheckKey, str | None], tuple[bool | None, bool]]:
    """Returns by check and partition whether its newest result passed, and whether nothing was materialized since.

    None stands for one that was planned and not evaluated. One statement for each check.
    """
    said = {"SUCCEEDED": True, "FAILED": False}
    return {
        (info.check_key, info.partition_key): (
            said.get(info.latest_execution_status.value),
            info.latest_check_event_storage_id > (info.latest_materialization_storage_id or 0),
        )
        for info in instance.event_log_storage.get_asset_check_partition_info(list(keys))
    }


def unplotted(figures: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """Returns figures of a check as text: Dagster would plot numbers over time, all scopes in one line."""
    return {
        name: dg.MetadataValue.json(value) if isinstance(value, list | dict) else dg.MetadataValue.text(str(value))
        for name, value in figures.items()
    }
