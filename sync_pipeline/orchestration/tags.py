"""The tags of runs: what people and sensors find a batch's run by, and what a run tells of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.batches.requests import Trigger
from sync_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sync_pipeline.batches.models import SyncBatch

BATCH_TAG = "sync_pipeline/batch"
ATTEMPT_TAG = "sync_pipeline/attempt"
SCHEDULE_TAG = "dagster/schedule_name"
PARTITION_TAG = "dagster/partition"
#: The run that this one repeats.
PARENT_TAG = "dagster/parent_run_id"


def run_tags(batch: SyncBatch) -> dict[str, str]:
    """Returns the tags of a batch's run, by which people and sensors find it."""
    tags = {
        BATCH_TAG: str(batch.id),
        ATTEMPT_TAG: str(batch.attempt),
        "sync_pipeline/pipeline": batch.pipeline,
        "sync_pipeline/scope": batch.scope,
        "sync_pipeline/type": batch.type,
        "sync_pipeline/trigger": batch.trigger,
    }
    if batch.lane is not None:
        tags["sync_pipeline/lane"] = batch.lane

    if batch.store_hash is not None:
        tags["sync_pipeline/store"] = batch.store_hash
    return tags


def tagged_batch(tags: Mapping[str, str]) -> int | None:
    """Returns the batch that a run's tags name, if any. Raises UsageError when it is no number."""
    value = tags.get(BATCH_TAG)
    if value is None:
        return None
    if not value.isdecimal():
        raise UsageError(f"the run's tag {BATCH_TAG} is {value!r}, not the number of a batch")
    return int(value)


def trigger_of(tags: Mapping[str, str]) -> Trigger:
    """Returns who started a run that carries no batch: a schedule, or a person."""
    return Trigger.SCHEDULE if SCHEDULE_TAG in tags else Trigger.MANUAL
