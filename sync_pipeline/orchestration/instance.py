"""Dagster's instance: which runs and partitions its storage has.

What belongs here: asking, ending and deleting. What does not: what a run does (runs.py).
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click
import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from sync_pipeline.errors import ServiceUnavailableError, UsageError, one_line
from sync_pipeline.logs import Log
from sync_pipeline.orchestration.tags import BATCH_TAG, MAX_RUNTIME_TAG, PARTITION_TAG, PIPELINE_TAG

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sync_pipeline.batches.models import BatchAttempt, SyncBatch
    from sync_pipeline.orchestration.members import FormerPartitions

log = Log("sync_pipeline.orchestration")

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
IN_FLIGHT = [status for status in dg.DagsterRunStatus if status not in ENDED]


class DagsterStorageUnavailableError(ServiceUnavailableError, click.ClickException):
    """The database that Dagster keeps its runs in cannot be reached, or went away.

    Dagster's own commands show what click knows in one line, and anything else as a page of traceback.
    """

    kind = "dagster_storage_unavailable"
    exit_code = ServiceUnavailableError.exit_status


def runs_in_flight(
    instance: dg.DagsterInstance, batch: SyncBatch, attempts: Sequence[BatchAttempt] = ()
) -> list[dg.RunRecord]:
    """Returns the unfinished runs of a batch: of every attempt, queued or at work, also those that a person started."""
    filters = [dg.RunsFilter(statuses=IN_FLIGHT, tags={BATCH_TAG: str(batch.id), PIPELINE_TAG: batch.pipeline})]
    held = [one.dagster_run_id for one in (batch, *attempts) if one.dagster_run_id is not None]
    if held:  # an earlier release's that a person started carries no batch
        filters.append(dg.RunsFilter(statuses=IN_FLIGHT, run_ids=held))
    found = {one.dagster_run.run_id: one for each in filters for one in instance.get_run_records(each)}
    return [found[run_id] for run_id in sorted(found)]


def is_launched(run: dg.DagsterRun) -> bool:
    """Returns whether Dagster launched the run: it is not one of a process that executes it by itself."""
    return run.remote_job_origin is not None


def age(moment: datetime | float | None) -> timedelta:
    """Returns how long ago a moment of Dagster's records was; nothing for one that has not come."""
    if moment is None:
        return timedelta()
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return datetime.now(UTC) - moment


def exceeded_max_runtime(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    """Returns whether a run has worked for longer than Dagster's run monitoring lets it, which then ends it."""
    if not instance.run_monitoring_enabled or record.start_time is None:
        return False
    tag = record.dagster_run.tags.get(MAX_RUNTIME_TAG)
    try:
        limit = float(tag or instance.run_monitoring_max_runtime_seconds)
    except ValueError:
        return False  # Dagster takes it for none
    end = record.end_time or datetime.now(UTC).timestamp()
    return 0 < limit < end - record.start_time


def delete_old_runs(
    instance: dg.DagsterInstance, tags: Mapping[str, str | Sequence[str]], *, older_than: datetime, limit: int
) -> int:
    """Deletes runs that have these tags and ended before ``older_than``, with their event logs, the oldest first.

    Returns how many it were.
    """
    ended = dg.RunsFilter(statuses=ENDED, tags=tags, updated_before=older_than)
    records = instance.get_run_records(ended, limit=limit, order_by="update_timestamp", ascending=True)
    for record in records:
        instance.delete_run(record.dagster_run.run_id)
    return len(records)


def keep_partitions(instance: dg.DagsterInstance, name: str, wanted: Collection[str]) -> list[str]:
    """Removes dynamic partitions that are not ``wanted`` and have no run in flight; returns them."""
    unwanted = sorted(set(instance.get_dynamic_partitions(name)) - set(wanted))
    removed = []
    for key in unwanted:
        in_flight = dg.RunsFilter(statuses=IN_FLIGHT, tags={PARTITION_TAG: key})
        if not instance.get_run_ids(in_flight, limit=1):
            instance.delete_dynamic_partition(name, key)
            removed.append(key)
    return removed


def move_partitions(
    instance: dg.DagsterInstance, former: FormerPartitions, name: str, wanted: Collection[str]
) -> list[str]:
    """Moves the ``wanted`` dynamic partitions of a former set into the set ``name``; returns those that it moved."""
    if not instance.has_asset_key(dg.AssetKey(former.asset)):
        return []
    moved = sorted(set(instance.get_dynamic_partitions(former.name)) & set(wanted))
    instance.add_dynamic_partitions(name, moved)
    for key in moved:
        instance.delete_dynamic_partition(former.name, key)
    return moved


def describe_storage() -> str:
    """Returns what keeps the runs of this instance, which has just answered. Raises DagsterStorageUnavailableError."""
    with reachable_storage():
        instance = current_instance()
        instance.get_run_ids(limit=1)
    return f"{type(instance.run_storage).__name__} answers"


def current_instance() -> dg.DagsterInstance:
    """Returns the instance that DAGSTER_HOME configures, whatever its storage.

    To be called within `reachable_storage`. Raises UsageError when its dagster.yaml cannot be used here.
    """
    try:
        return dg.DagsterInstance.get()
    except Exception as error:
        # What another's dagster.yaml names may raise anything: a library that is not installed, a folder that is gone.
        if _is_of_storage(error):
            raise
        malformed = error.errors[:1] if isinstance(error, dg.DagsterInvalidConfigError) else []
        reason = malformed[0].message if malformed else error  # all else that this error says is a schema
        raise UsageError(f"the Dagster instance of DAGSTER_HOME cannot be used: {one_line(reason, 300)}") from error


@contextmanager
def reachable_storage() -> Iterator[None]:
    """Turns what Dagster raises when its database is away into DagsterStorageUnavailableError."""
    try:
        yield
    except DagsterStorageUnavailableError:
        raise
    except Exception as error:
        if not _is_of_storage(error):
            raise
        raise storage_unavailable(root_cause(error)) from error


def _is_of_storage(error: BaseException) -> bool:
    """Returns whether a database is behind an error: storages of every kind are on SQLAlchemy, and wrap its errors."""
    while not isinstance(error, SQLAlchemyError | DagsterStorageUnavailableError):
        if error.__cause__ is None:
            return False
        error = error.__cause__
    return True


def root_cause(error: BaseException) -> str:
    """Returns what the driver said first."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)


def storage_unavailable(reason: str) -> DagsterStorageUnavailableError:
    """Returns the error for a reason that the database or its driver gave."""
    return DagsterStorageUnavailableError(f"Dagster's storage cannot be reached: {one_line(reason, 200)}")
