"""Batches and Dagster's runs brought into agreement, whatever ended either of them.

By state and not by events: a daemon that was away, a run that was marked by force and one that was deleted are all seen
the next time. What belongs here: which batch or run is over because the other is. What does not: how a run is ended
(instance.py), and batches whose run is silent (batches/queue.py).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from sync_pipeline.batches.database import LedgerUnavailableError
from sync_pipeline.batches.executors import Executor
from sync_pipeline.batches.failures import CANCELLED, INTERRUPTED, LOST, Failure, lost
from sync_pipeline.batches.ledger import BatchLostError
from sync_pipeline.batches.queue import find_all, unlocked, with_runs
from sync_pipeline.errors import one_line
from sync_pipeline.logs import Log
from sync_pipeline.orchestration.ending import end_run, executors_of
from sync_pipeline.orchestration.instance import ENDED, IN_FLIGHT, age, exceeded_max_runtime, is_launched
from sync_pipeline.orchestration.superseded import why_over
from sync_pipeline.orchestration.tags import (
    BATCH_TAG,
    FAILURE_REASON_TAG,
    PIPELINE_TAG,
    UNEXPECTED_TERMINATION,
    is_numbered,
    is_run_of,
    tagged_attempt,
    tagged_batch,
    why_ended,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.models import SyncBatch

log = Log("sync_pipeline.orchestration")

#: A person's *Terminate* is obeyed by the ledger after this, also when the run is blocked in a call.
TERMINATION_PATIENCE = timedelta(seconds=10)
#: Asking a code server that does not answer costs seconds; a sensor has a minute.
ENDED_AT_ONCE = 5


@dataclass(frozen=True)
class Reconciliation:
    """The batches of a ledger and the runs of these pipelines in an instance.

    ``location`` is the code location whose runs they are; None when there is but one.
    """

    ledger: Ledger
    instance: dg.DagsterInstance
    pipelines: Sequence[str]
    location: str | None = None

    @classmethod
    def of(cls, context: dg.SensorEvaluationContext, ledger: Ledger, pipelines: Sequence[str]) -> Reconciliation:
        """Returns that of a sensor's instance and code location."""
        origin = context.code_location_origin
        return cls(ledger, context.instance, pipelines, None if origin is None else origin.location_name)

    def close_batches(self) -> list[SyncBatch]:
        """Closes unfinished batches whose run has ended, or that a person terminated; returns them."""
        closed = []
        batches = with_runs(self.ledger, self.pipelines)
        ended: dict[int, tuple[Failure, Sequence[dg.RunRecord]]] = {}
        for batch, runs in self._present_runs(batches):
            failure = self._failure(batch, runs)
            if failure is not None:
                ended[batch.id] = failure, runs
        for batch in unlocked(self.ledger, [batch for batch in batches if batch.id in ended]):
            failure, runs = ended[batch.id]
            try:
                closed.append(self.ledger.fail(batch, **asdict(failure)))
                self._end_process(batch, runs, failure)
            except BatchLostError:
                continue  # closed by its run at this very moment
            except LedgerUnavailableError as error:  # somebody holds its row
                log.warning("batch not closed, the next tick tries again", batch=batch.id, error=one_line(error))
        return closed

    def end_runs(self) -> list[str]:
        """Ends runs in flight whose batch's attempt is over, and those that died before they claimed it; returns them.

        One odd run stops no other.
        """
        ended: list[str] = []
        records = self._records({}, IN_FLIGHT)
        batches = find_all(self.ledger, {tagged_batch(record.dagster_run.tags) or 0 for record in records})
        for record in records:
            if len(ended) == ENDED_AT_ONCE:
                break
            run_id = record.dagster_run.run_id
            try:
                batch = batches.get(tagged_batch(record.dagster_run.tags) or 0)
                why = why_over(self.ledger, record, batch)
                if why is not None and end_run(self.instance, record, why, self._executor(run_id, batch)):
                    ended.append(run_id)
            except Exception as error:  # noqa: BLE001 - as the docstring says
                log.error("run not ended", run=run_id, error=one_line(error))
        return ended

    def startable(self, batches: Sequence[SyncBatch]) -> list[SyncBatch]:
        """Returns those of the pending batches that have no run that may still work, nor one that waits for its turn.

        A run that Dagster has made and not yet queued is asked for again: that is how it queues it.
        """
        present = {batch.id: batch.attempt for batch in batches}
        busy = set()
        for record in self._records_of(batches, IN_FLIGHT):
            run = record.dagster_run
            number = tagged_batch(run.tags) or 0
            if run.status is not dg.DagsterRunStatus.NOT_STARTED or tagged_attempt(run.tags) != present[number]:
                busy.add(number)
        return [batch for batch in batches if batch.id not in busy]

    def must_wait(self, batch: SyncBatch) -> bool:
        """Returns whether a failed batch must not be tried again now: an earlier run of it may still work.

        Or a person had terminated its run, and whoever closed the batch took it for lost: then it waits for a person.
        """
        records = self._records_of([batch])
        if any(record.dagster_run.status in IN_FLIGHT for record in records):
            return True
        [(_, present)] = self._present_runs([batch], records)
        terminated = (batch.error or {}).get("kind") == LOST and any(_is_terminated(one) for one in present)
        if terminated:
            try:
                self.ledger.leave_to_person(batch)
            except (BatchLostError, LedgerUnavailableError) as error:  # somebody was first, or holds its row
                log.warning("batch not left to a person in this tick", batch=batch.id, error=one_line(error))
        return terminated

    @staticmethod
    def _end_process(batch: SyncBatch, runs: Sequence[dg.RunRecord], failure: Failure) -> None:
        """Ends the process of a run that Dagster holds for failed: the next attempt must not work beside it."""
        executor = Executor.parse(batch.executor)
        launched = any(is_launched(one.dagster_run) for one in runs)
        if failure.kind == LOST and launched and executor is not None and executor.lives_here():
            executor.kill()

    def _executor(self, run_id: str, batch: SyncBatch | None) -> Executor | None:
        return None if batch is None else executors_of(batch, self.ledger.attempts(batch.id)).get(run_id)

    def _failure(self, batch: SyncBatch, runs: Sequence[dg.RunRecord]) -> Failure | None:
        """Returns what an unfinished batch failed with whose present runs are these; None while it may go on."""
        if any(_is_terminated(record) for record in runs):
            return CANCELLED
        statuses = [record.dagster_run.status for record in runs]
        if not runs or any(status not in ENDED for status in statuses):
            return None
        if any(self._is_interrupted(record) for record in runs):
            return INTERRUPTED
        return lost(batch.id, f"its run ended ({statuses[-1].value.lower()}) and left it open")

    def _is_interrupted(self, record: dg.RunRecord) -> bool:
        """Returns whether a run that has ended was stopped with what executed it.

        A signal between two steps reaches no part that could close the batch. Dagster sends one itself when a run has
        worked too long.
        """
        run = record.dagster_run
        if why_ended(run) == INTERRUPTED.kind:
            return True
        unexpected = run.tags.get(FAILURE_REASON_TAG) == UNEXPECTED_TERMINATION
        return unexpected and not exceeded_max_runtime(self.instance, record)

    def _present_runs(
        self, batches: Sequence[SyncBatch], records: Sequence[dg.RunRecord] | None = None
    ) -> Iterator[tuple[SyncBatch, list[dg.RunRecord]]]:
        """Yields batches with the runs of their present attempts: that which holds one, or those started for it."""
        by_batch = defaultdict(list)
        for record in self._records_of(batches) if records is None else records:
            by_batch[tagged_batch(record.dagster_run.tags)].append(record)
        for batch in batches:
            runs = by_batch[batch.id]
            if batch.dagster_run_id is not None:
                yield batch, [one for one in runs if one.dagster_run.run_id == batch.dagster_run_id]
            else:
                yield batch, [one for one in runs if tagged_attempt(one.dagster_run.tags) == batch.attempt]

    def _records_of(
        self, batches: Sequence[SyncBatch], statuses: Sequence[dg.DagsterRunStatus] = ()
    ) -> list[dg.RunRecord]:
        """Returns the runs of these batches, of whatever attempt."""
        if not batches:
            return []
        by_id = {str(batch.id): batch for batch in batches}
        found = self._records({BATCH_TAG: list(by_id)}, statuses)
        return [one for one in found if is_run_of(one.dagster_run.tags, by_id[one.dagster_run.tags[BATCH_TAG]])]

    def _records(
        self, tags: Mapping[str, Sequence[str]], statuses: Sequence[dg.DagsterRunStatus] = ()
    ) -> list[dg.RunRecord]:
        """Returns this location's runs with these tags, the oldest first."""
        wanted = dg.RunsFilter(statuses=statuses, tags={PIPELINE_TAG: self.pipelines, **tags})
        found = self.instance.get_run_records(wanted, ascending=True)
        return [one for one in found if self._is_ours(one.dagster_run) and is_numbered(one.dagster_run.tags)]

    def _is_ours(self, run: dg.DagsterRun) -> bool:
        origin = run.remote_job_origin
        return origin is None or self.location in {None, origin.location_name}


def _is_terminated(record: dg.RunRecord) -> bool:
    """Returns whether a person terminated the run: it was marked so, or has had its time to end by itself."""
    run = record.dagster_run
    if why_ended(run) is not None:
        return False
    if run.status is dg.DagsterRunStatus.CANCELING:
        return age(record.update_timestamp) >= TERMINATION_PATIENCE
    return run.status is dg.DagsterRunStatus.CANCELED
