"""How a run is ended: asked, where somebody can be asked; killed, where its process is here and answers nothing.

What belongs here: the end of one run. What does not: which runs are over (reconciliation.py, shutdown.py).
"""

from __future__ import annotations

import threading
from datetime import timedelta
from queue import Empty, Queue
from typing import TYPE_CHECKING

import dagster as dg

from sync_pipeline.batches.executors import Executor
from sync_pipeline.batches.failures import CANCELLED, LOST
from sync_pipeline.errors import one_line
from sync_pipeline.logs import Log
from sync_pipeline.orchestration.instance import (
    ENDED,
    age,
    current_instance,
    is_launched,
    reachable_storage,
    runs_in_flight,
)
from sync_pipeline.orchestration.tags import ended_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.batches.models import BatchAttempt, SyncBatch

log = Log("sync_pipeline.orchestration")

#: How long a run may take to end once it was asked to.
CANCEL_PATIENCE = timedelta(seconds=30)
CODE_SERVER_SECONDS = 5.0


def terminate_runs(batch: SyncBatch, attempts: Sequence[BatchAttempt] = ()) -> list[str]:
    """Ends the runs of a cancelled batch, those of its earlier ``attempts`` too; returns those that were ended.

    A run that another process of ours executes by itself is none of them: the ledger's fence stops that one at its next
    write. Raises DagsterStorageUnavailableError.
    """
    executors = executors_of(batch, attempts)
    with reachable_storage():
        instance = current_instance()
        records = {one.dagster_run.run_id: one for one in runs_in_flight(instance, batch, attempts)}
        return [
            run_id
            for run_id, record in records.items()
            if is_launched(record.dagster_run) and end_run(instance, record, CANCELLED.kind, executors.get(run_id))
        ]


def executors_of(batch: SyncBatch, attempts: Sequence[BatchAttempt]) -> dict[str, Executor]:
    """Returns the processes that executed a batch's runs, by run, where they are known."""
    known = {one.dagster_run_id: Executor.parse(one.executor) for one in (*attempts, batch)}
    return {run_id: executor for run_id, executor in known.items() if run_id is not None and executor is not None}


def end_run(instance: dg.DagsterInstance, record: dg.RunRecord, why: str, executor: Executor | None = None) -> bool:
    """Ends a run in flight whose batch is over; returns whether there was anything to do.

    One that works is asked to end, and marked as canceled when it has not for 30 s. One that nobody executes, or whose
    code server does not answer within 5 s, is marked at once. ``why`` becomes its tag. A process of this machine that
    was launched for the run and gives no sign of life, or does not end, is killed: nobody marks the run before it is
    gone, and no code server is asked, which would wait for it and start no other run meanwhile.
    """
    run = record.dagster_run
    asked = run.status is dg.DagsterRunStatus.CANCELING
    process = executor if executor is not None and is_launched(run) and executor.lives_here() else None
    silent = process is not None and (why == LOST or process.is_frozen())
    if asked and not silent and age(record.update_timestamp) < CANCEL_PATIENCE:
        return False
    if not asked:
        instance.add_run_tags(run.run_id, ended_tags(run.run_id, why))
    if process is not None and (asked or silent):
        log.warning("process of a run killed", run=run.run_id, pid=process.process.pid, why=why)
        return process.kill() and mark_canceled(instance, run.run_id, why)
    if not asked and _obeys(instance, run.run_id):
        return True
    return mark_canceled(instance, run.run_id, why)


def mark_canceled(instance: dg.DagsterInstance, run_id: str, why: str) -> bool:
    """Marks a run as canceled that nobody executes, unless it has ended; returns whether it had not."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.status in ENDED:
        return False
    instance.report_run_canceled(run, message=f"Nobody executes this run any more: {why}.")
    return True


def _obeys(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Returns whether a run's executor took the request to end it, or the queue let go of it."""
    answers: Queue[bool] = Queue()

    def ask() -> None:
        try:
            answers.put(instance.run_coordinator.cancel_run(run_id))
        except Exception as error:  # noqa: BLE001 - whatever its code server says, it does not execute the run
            log.info("run not terminated", run=run_id, error=one_line(error))
            answers.put(False)  # noqa: FBT003 - the answer

    # Dagster waits a minute for a code server that accepts the call and does not answer.
    threading.Thread(target=ask, name=f"terminate-{run_id}", daemon=True).start()
    try:
        return answers.get(timeout=CODE_SERVER_SECONDS)
    except Empty:
        return False
