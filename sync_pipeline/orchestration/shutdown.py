"""What becomes of runs when whatever executes them is stopped on purpose: a short time to end, then a true end.

And of those that were starting when it died: nothing tells of them, for they hold no batch yet.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import dagster as dg

from sync_pipeline.batches.failures import INTERRUPTED
from sync_pipeline.batches.ledger import BatchLostError
from sync_pipeline.batches.states import UNFINISHED
from sync_pipeline.orchestration.ending import end_run, mark_canceled
from sync_pipeline.orchestration.instance import IN_FLIGHT, current_instance, is_launched, reachable_storage
from sync_pipeline.orchestration.tags import ended_tags, is_numbered, is_run_of, tagged_attempt, tagged_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.batches.ledger import Ledger

#: How long runs may go on, and how long they may take to end once they were asked to.
TO_FINISH_SECONDS = 10.0
TO_END_SECONDS = 5.0
POLL_SECONDS = 0.2
WORKING = {dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING}
WAITING = {dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.QUEUED}


def interrupt_runs(ledger: Ledger, location: str, hurry: threading.Event) -> list[str]:
    """Ends the runs that a code location executes or waits for, and closes their batches as interrupted; returns them.

    Call it when no daemon starts another one. Runs that work get 10 s to finish, unless ``hurry`` is set; those that
    processes execute by themselves are left to them. Raises DagsterStorageUnavailableError and
    LedgerUnavailableError.
    """
    with reachable_storage():
        instance = current_instance()
        _wait(instance, location, TO_FINISH_SECONDS, hurry)
        records = _in_flight(instance, location)
        for record in records:
            _interrupt_batch(ledger, record.dagster_run)
            end_run(instance, record, INTERRUPTED.kind)
        _wait(instance, location, TO_END_SECONDS, threading.Event())
        for record in _in_flight(instance, location):
            mark_canceled(instance, record.dagster_run.run_id, INTERRUPTED.kind)
    return [record.dagster_run.run_id for record in records]


def end_unclaimed(ledger: Ledger, location: str) -> list[str]:
    """Ends a code location's runs that had started and claimed no batch, and closes these as interrupted; returns them.

    Call it before a daemon starts, where whatever executed the location's runs is known to be dead. A run that lives
    nevertheless is refused the batch. Runs that hold one tell by their heart whether they live, and are left to it.
    Raises DagsterStorageUnavailableError and LedgerUnavailableError.
    """
    ended = []
    with reachable_storage():
        instance = current_instance()
        for record in _in_flight(instance, location):
            run = record.dagster_run
            if run.status in WORKING and ledger.of_run(run.run_id) is None:
                _interrupt_batch(ledger, run)
                instance.add_run_tags(run.run_id, ended_tags(run.run_id, INTERRUPTED.kind))
                if mark_canceled(instance, run.run_id, INTERRUPTED.kind):
                    ended.append(run.run_id)
    return ended


def _interrupt_batch(ledger: Ledger, run: dg.DagsterRun) -> None:
    """Closes the batch that the run works on or waits for, so that whoever looks at the end of the run finds it so."""
    batch = ledger.of_run(run.run_id)
    if batch is None and is_numbered(run.tags):
        batch = ledger.find(tagged_batch(run.tags) or 0)
        if batch is None or batch.dagster_run_id is not None or not is_run_of(run.tags, batch):
            return
        if tagged_attempt(run.tags) != batch.attempt:
            return
    if batch is None or batch.status not in UNFINISHED:
        return
    try:
        ledger.fail(batch, **asdict(INTERRUPTED))
    except BatchLostError:
        return  # it ended at this very moment


def _wait(instance: dg.DagsterInstance, location: str, seconds: float, enough: threading.Event) -> None:
    """Waits until no run of the location works, for ``seconds`` at most."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if all(record.dagster_run.status in WAITING for record in _in_flight(instance, location)):
            return
        if enough.wait(POLL_SECONDS):
            return


def _in_flight(instance: dg.DagsterInstance, location: str) -> Sequence[dg.RunRecord]:
    """Returns the location's unfinished runs that Dagster launches."""
    found = instance.get_run_records(dg.RunsFilter(statuses=IN_FLIGHT))
    return [one for one in found if is_launched(one.dagster_run) and _location(one.dagster_run) == location]


def _location(run: dg.DagsterRun) -> str | None:
    origin = run.remote_job_origin
    return None if origin is None else origin.location_name
