"""Dagster's instance: which runs and partitions its storage has, and whether a daemon works on it.

What belongs here: asking, ending and deleting. What does not: what a run does (runs.py).
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from sync_pipeline.errors import ServiceUnavailableError, UsageError, one_line
from sync_pipeline.orchestration.tags import ATTEMPT_TAG, BATCH_TAG, PARTITION_TAG

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from sync_pipeline.batches.models import SyncBatch
    from sync_pipeline.orchestration.members import FormerPartitions

#: Without a heartbeat for so long, no daemon works.
DAEMON_SILENCE_SECONDS = 90.0
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
IN_FLIGHT = [status for status in dg.DagsterRunStatus if status not in ENDED]


class DagsterStorageUnavailableError(ServiceUnavailableError, click.ClickException):
    """The database that Dagster keeps its runs in cannot be reached, or went away.

    Dagster's own commands show what click knows in one line, and anything else as a page of traceback.
    """

    kind = "dagster_storage_unavailable"
    exit_code = ServiceUnavailableError.exit_status


def terminate_runs(batch: SyncBatch) -> list[str]:
    """Asks Dagster to end the runs of a batch's attempt, also one that still waits in the queue; those that it will.

    A run that another process of ours executes by itself is none of them: the ledger's fence stops that one at its next
    write. Raises DagsterStorageUnavailableError.
    """
    with reachable_storage():
        instance = current_instance()
        return [run_id for run_id in runs_in_flight(instance, batch) if _terminates(instance, run_id)]


def runs_in_flight(instance: dg.DagsterInstance, batch: SyncBatch) -> list[str]:
    """Returns the unfinished runs of a batch's attempt: the one that holds it, and those that were started for it."""
    tags = {BATCH_TAG: str(batch.id), ATTEMPT_TAG: str(batch.attempt)}
    filters = [dg.RunsFilter(statuses=IN_FLIGHT, tags=tags)]
    if batch.dagster_run_id is not None:  # one that a person started carries no batch
        filters.append(dg.RunsFilter(statuses=IN_FLIGHT, run_ids=[batch.dagster_run_id]))
    return sorted({run_id for each in filters for run_id in instance.get_run_ids(each)})


def _terminates(instance: dg.DagsterInstance, run_id: str) -> bool:
    try:
        return instance.run_coordinator.cancel_run(run_id)
    except dg.DagsterError:  # its code server is away, and the run with it
        return False


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


def daemon_is_alive() -> bool:
    """Returns whether a Dagster daemon works on this instance, so that enqueued batches will start.

    Dagster itself calls one healthy for half an hour after its last heartbeat; one comes every 30 s. Raises
    DagsterStorageUnavailableError.
    """
    with reachable_storage():
        statuses = current_instance().get_daemon_statuses().values()
    beats = [status.last_heartbeat.timestamp for status in statuses if status.last_heartbeat]
    return time.time() - max(beats, default=0.0) < DAEMON_SILENCE_SECONDS


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
        raise UsageError(f"the Dagster instance of DAGSTER_HOME cannot be used: {one_line(error, 300)}") from error


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
