"""The tags of runs: what people and sensors find a batch's run by, and what a run tells of itself."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from sync_pipeline.batches.requests import Trigger
from sync_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster import DagsterRun

    from sync_pipeline.batches.models import SyncBatch

BATCH_TAG = "sync_pipeline/batch"
ATTEMPT_TAG = "sync_pipeline/attempt"
PIPELINE_TAG = "sync_pipeline/pipeline"
#: When the batch was asked for: a ledger that was restored from a backup gives the numbers of its batches again.
REQUESTED_TAG = "sync_pipeline/requested_at"
#: Why the project ended the run (`why_ended`); one without it that was cancelled was terminated by a person.
ENDED_TAG = "sync_pipeline/ended"
#: Why Dagster says that a run failed, and its word for one that was told to end by nobody who used Dagster.
FAILURE_REASON_TAG = "dagster/failure_reason"
UNEXPECTED_TERMINATION = "UNEXPECTED_TERMINATION"
SCHEDULE_TAG = "dagster/schedule_name"
PARTITION_TAG = "dagster/partition"
#: Characters of a scope's name in a tag.
TITLE_LENGTH = 100
#: The run that this one repeats.
PARENT_TAG = "dagster/parent_run_id"
#: After how many seconds Dagster's run monitoring ends a run. Of one that carries no batch, nothing else tells that
#: nobody executes it.
MAX_RUNTIME_TAG = "dagster/max_runtime"
#: How often Dagster itself may retry a run, whatever its instance is set to.
MAX_RETRIES_TAG = "dagster/max_retries"
#: The code location that a run is of, which Dagster stores with every run that it launches.
LOCATION_TAG = ".dagster/repository"


def run_tags(batch: SyncBatch, title: str | None = None) -> dict[str, str]:
    """Returns the tags of a batch's run, by which people and sensors find it; ``title`` is its scope's name."""
    tags = {
        BATCH_TAG: str(batch.id),
        ATTEMPT_TAG: str(batch.attempt),
        PIPELINE_TAG: batch.pipeline,
        REQUESTED_TAG: _requested(batch),
        "sync_pipeline/scope": batch.scope,
        "sync_pipeline/type": batch.type,
        "sync_pipeline/mode": batch.mode,
        "sync_pipeline/trigger": batch.trigger,
        # The ledger alone retries: a second mechanism would multiply with it.
        MAX_RETRIES_TAG: "0",
    }
    if batch.lane is not None:
        tags["sync_pipeline/lane"] = batch.lane
    if batch.dry_run:
        tags["sync_pipeline/dry_run"] = "true"
    if batch.store_hash is not None:
        tags["sync_pipeline/store"] = batch.store_hash
    if title:
        tags["sync_pipeline/name"] = title[:TITLE_LENGTH]
    return tags


def run_key(batch: SyncBatch) -> str:
    """Returns the key of the run of a batch's present attempt: Dagster makes one run for it, ever."""
    return f"{batch.id}:{batch.attempt}:{_requested(batch)}"


def is_run_of(tags: Mapping[str, str], batch: SyncBatch) -> bool:
    """Returns whether tags that name the batch's number mean this batch, and no other that had the number once."""
    return tags.get(REQUESTED_TAG) in {None, _requested(batch)}


def ended_tags(run_id: str, why: str) -> dict[str, str]:
    """Returns the tag of a run that the project ends; ``why`` is a kind of failure.

    It names the run, since *Re-execute* copies the tags of the run that it repeats.
    """
    return {ENDED_TAG: f"{why}:{run_id}"}


def why_ended(run: DagsterRun) -> str | None:
    """Returns why the project ended this very run, as a kind of failure; None if it did not."""
    why, _, run_id = run.tags.get(ENDED_TAG, "").rpartition(":")
    return why if run_id == run.run_id else None


def _requested(batch: SyncBatch) -> str:
    return batch.requested_at.astimezone(UTC).isoformat()


def tagged_batch(tags: Mapping[str, str]) -> int | None:
    """Returns the batch that a run's tags name, if any. Raises UsageError when it is no number."""
    value = tags.get(BATCH_TAG)
    if value is None:
        return None
    if not is_numbered(tags):
        raise UsageError(f"the run's tag {BATCH_TAG} is {value!r}, not the number of a batch")
    return int(value)


def tags_of_own_runs(run: DagsterRun, pipelines: Sequence[str]) -> list[Mapping[str, str | Sequence[str]]]:
    """Returns what the runs of the run's own code location are tagged with; in one instance there may be others.

    Those of commands have no location, but their batch's pipeline.
    """
    origin = run.remote_job_origin
    of_location = [] if origin is None else [{LOCATION_TAG: origin.repository_origin.get_label()}]
    return [{PIPELINE_TAG: list(pipelines)}, *of_location]


def is_numbered(tags: Mapping[str, str]) -> bool:
    """Returns whether a run's tags name a batch, by a number that the ledger can have."""
    value = tags.get(BATCH_TAG, "")
    return value.isdecimal() and len(value) < len(str(2**63))


def tagged_attempt(tags: Mapping[str, str]) -> int | None:
    """Returns the attempt of its batch that a run was started for, if its tags name one."""
    value = tags.get(ATTEMPT_TAG, "")
    return int(value) if value.isdecimal() else None


def trigger_of(tags: Mapping[str, str]) -> Trigger:
    """Returns who started a run that carries no batch: a schedule, or a person."""
    return Trigger.SCHEDULE if SCHEDULE_TAG in tags else Trigger.MANUAL
