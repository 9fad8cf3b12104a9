"""What all asset checks share: they have the partitions of their assets, and are of one scope at a time.

Dagster's UI (1.13) greys *Execute* of a partitioned asset's check out, and its *Execute all* starts a run without a
partition. Such a run evaluates nothing and says which job does it; others start checks with a partition, by GraphQL.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

from sync_pipeline.orchestration.tags import PARTITION_TAG

NO_PARTITION = (
    "nothing was checked: the run has no partition, that is, no scope. The job {pipeline}_verify compares one; "
    "the other checks are evaluated with each import, and `fresh` each hour"
)


def partitioned_check(
    name: str, asset: list[str], description: str, partitions: dg.PartitionsDefinition
) -> dg.AssetCheckSpec:
    """Describes a check that has a result for each partition of its asset."""
    with warnings.catch_warnings():
        # Without partitions the UI would start a check of no scope, and show one scope's result as that of all.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(name, asset=asset, description=description, partitions_def=partitions)


def checked_partition(context: dg.AssetCheckExecutionContext, pipeline: str) -> str | None:
    """Returns the partition that a check is started for; None, with a line in the log, when it was started for none."""
    partition = context.run.tags.get(PARTITION_TAG)
    if partition is None:
        context.log.warning(NO_PARTITION.format(pipeline=pipeline))
    return partition


def unplotted(figures: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """Returns figures of a check as text: Dagster would plot numbers over time, all scopes in one line."""
    return {name: dg.MetadataValue.text(str(value)) for name, value in figures.items()}
