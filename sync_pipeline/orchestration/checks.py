"""What all asset checks share: they have the partitions of their assets, and are of one scope at a time."""

import warnings

import dagster as dg

from sync_pipeline.orchestration.tags import PARTITION_TAG

NO_PARTITION = "nothing was checked: start the check again with a partition, that is, of one scope"


def partitioned_check(
    name: str, asset: list[str], description: str, partitions: dg.PartitionsDefinition
) -> dg.AssetCheckSpec:
    """Describes a check that has a result for each partition of its asset."""
    with warnings.catch_warnings():
        # Without partitions the UI would start a check of no scope, and show one scope's result as that of all.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(name, asset=asset, description=description, partitions_def=partitions)


def checked_partition(context: dg.AssetCheckExecutionContext) -> str | None:
    """Returns the partition that a check is started for; None, with a line in the log, when it was started for none."""
    partition = context.run.tags.get(PARTITION_TAG)
    if partition is None:
        context.log.warning(NO_PARTITION)
    return partition
