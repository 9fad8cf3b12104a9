"""The ledger: batches from request to end. The queue of the project, and the only place that writes a batch's status.

Every method is one short transaction; every status change is one UPDATE whose WHERE carries the status it may leave
(states.py), so that two claimers cannot both win. Nothing here knows Dagster: a run is its id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, case, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from sync_pipeline.batches.base import RECORD_VERSION
from sync_pipeline.batches.executors import Executor
from sync_pipeline.batches.failures import CANCELLED, INTERRUPTED, MOST_INTERRUPTIONS
from sync_pipeline.batches.models import BatchAttempt, ScopeLock, SyncBatch
from sync_pipeline.batches.next_runs import lock_schedule, move_on
from sync_pipeline.batches.records import BatchRecords
from sync_pipeline.batches.rows import check_scope, pending_row
from sync_pipeline.batches.states import (
    UNFINISHED,
    BatchLostError,
    BatchNotPendingError,
    Event,
    IllegalTransitionError,
    Status,
    next_status,
    status_before,
)
from sync_pipeline.errors import Retry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from sync_pipeline.batches.requests import BatchRequest

#: Failed batches that are made pending again by themselves, after a while (retries.py).
RESTING = (
    (SyncBatch.status == Status.FAILED.value)
    & (SyncBatch.attempt < SyncBatch.max_attempts)
    & (SyncBatch.error["retry"].astext == Retry.LATER.value)
)
#: The reason of a cancel that a person asked for, where its run did not end first.
BY_COMMAND = "it was cancelled"
#: What of a batch is kept with each of its attempts when it goes on to the next.
KEPT_OF_ATTEMPT = ("attempt", "status", "dagster_run_id", "executor", "started_at", "finished_at", "counts", "error")


@dataclass(frozen=True)
class Ledger(BatchRecords):
    """Batches in PostgreSQL, and what may become of them.

    What people see and plan by comes from ``clock``; signs of life, which one machine writes and another judges, from
    PostgreSQL's own.
    """

    def next_version(self) -> int:
        """Returns the next record version: larger than every one drawn before."""
        with self.session() as session:
            return session.scalar(RECORD_VERSION.next_value()) or 0

    def request(self, request: BatchRequest) -> SyncBatch:
        """Stores a pending batch. Raises ForeignScopeError when its scope is another pipeline's."""
        with self.session() as session:
            return self.add(session, request)

    def add(self, session: Session, request: BatchRequest) -> SyncBatch:
        """Stores a pending batch in a transaction that is under way. Raises ForeignScopeError."""
        return session.scalars(insert(SyncBatch).values(self.row(request)).returning(SyncBatch)).one()

    def request_unless_pending(self, request: BatchRequest) -> SyncBatch | None:
        """Stores a pending batch, unless one of the same scope, type and mode waits already (no dry run): then None.

        One statement, so that of many who ask at once one has its way.
        """
        row = self.row(request, unique_while_pending=True)
        columns = SyncBatch.__table__.c
        values = select(
            *(v if isinstance(v, ColumnElement) else literal(v, columns[name].type) for name, v in row.items())
        )
        alike = exists().where(
            SyncBatch.status == Status.PENDING.value,
            *(columns[name] == row[name] for name in ("pipeline", "scope", "type", "mode", "dry_run")),
        )
        statement = insert(SyncBatch).from_select(list(row), values.where(~alike)).on_conflict_do_nothing()
        with self.session() as session:
            return session.scalar(statement.returning(SyncBatch))

    def row(self, request: BatchRequest, *, unique_while_pending: bool = False) -> dict[str, Any]:
        """Returns the columns of a pending batch. Raises ForeignScopeError."""
        check_scope(request, self.nouns)
        return pending_row(request, self.clock.now(), unique_while_pending=unique_while_pending)

    def claim(self, batch_id: int, *, run_id: str, planned: Sequence[str], attempt: int | None = None) -> SyncBatch:
        """Takes the pending batch for a run, atomically. ``planned`` names the parts that the run will do.

        A run that was started for one ``attempt`` takes no other: that one has a run of its own. Raises
        BatchNotFoundError, or BatchNotPendingError saying what the batch is instead.
        """
        with self.session() as session:
            row = session.scalar(
                update(SyncBatch)
                .where(
                    SyncBatch.id == batch_id,
                    SyncBatch.status.in_(status_before(Event.CLAIM)),
                    or_(SyncBatch.dagster_run_id.is_(None), SyncBatch.dagster_run_id == run_id),
                    SyncBatch.attempt == (SyncBatch.attempt if attempt is None else attempt),
                )
                .values(
                    status=Status.PROCESSING.value,
                    dagster_run_id=run_id,
                    executor=str(Executor.this()),
                    started_at=self.clock.now(),
                    heartbeat_at=func.clock_timestamp(),
                    planned=list(planned),
                )
                .returning(SyncBatch)
            )
        if row is not None:
            return row
        found = self.get(batch_id)
        if attempt is not None and found.attempt != attempt:
            raise BatchNotPendingError(f"attempt {attempt} of batch {batch_id} is over: this part is not run")
        reason = "reserved for another run" if found.status == Status.PENDING else found.status
        raise BatchNotPendingError(f"batch {batch_id} is {reason}, not pending: it is not run again")

    def heartbeat(self, batch: SyncBatch, progress: dict[str, Any] | None = None) -> None:
        """Says that the batch's attempt lives. Raises BatchLostError when it is no longer processing."""
        values: dict[str, Any] = {"heartbeat_at": func.clock_timestamp()}
        if progress is not None:
            values["progress"] = SyncBatch.progress.op("||")(progress)
        self._change(batch, values)

    def record_part(self, batch: SyncBatch, part: str, counts: dict[str, Any]) -> SyncBatch:
        """Writes the figures of a finished part. Raises BatchLostError."""
        return self._change(
            batch, {"counts": SyncBatch.counts.op("||")({part: counts}), "heartbeat_at": func.clock_timestamp()}
        )

    def complete(self, batch: SyncBatch) -> SyncBatch:
        """Closes the batch as completed. Raises BatchLostError."""
        return self._end(batch, Event.COMPLETE, None)

    def fail(
        self,
        batch: SyncBatch,
        *,
        kind: str,
        message: str,
        part: str | None = None,
        exit_status: int = 1,
        retry: Retry = Retry.NEVER,
    ) -> SyncBatch:
        """Closes the batch as failed, with what went wrong, where and when. Raises BatchLostError if it is over.

        An attempt that was interrupted does not count, the first few times: the batch gets one more.
        """
        error = {"kind": kind, "message": message, "part": part, "store": batch.store_hash, "exit_status": exit_status}
        return self._end(batch, Event.FAIL, {**error, "retry": retry.value, "at": self.clock.now().isoformat()})

    def cancel(self, batch_id: int) -> SyncBatch:
        """Ends a batch that is pending or processing, whose run may write no more; one that rests rests for good.

        Raises IllegalTransitionError otherwise.
        """
        batch = self.get(batch_id)
        if batch.status in UNFINISHED:
            return self.fail(batch, kind=CANCELLED.kind, message=BY_COMMAND, retry=CANCELLED.retry)
        try:
            return self.leave_to_person(batch, BY_COMMAND)
        except BatchLostError:
            raise IllegalTransitionError(f"batch {batch_id} is {batch.status}: there is nothing to cancel") from None

    def leave_to_person(self, batch: SyncBatch, message: str = CANCELLED.message) -> SyncBatch:
        """Makes a failed batch that would be retried by itself a cancelled one. Raises BatchLostError for any other."""
        words = {"kind": CANCELLED.kind, "message": message, "retry": CANCELLED.retry.value}
        error = {**(batch.error or {}), **words}
        with self.session() as session:
            row = self._update(session, batch, {"error": error}, (Status.FAILED,), RESTING)
            same = (BatchAttempt.batch_id == batch.id, BatchAttempt.attempt == batch.attempt)
            session.execute(update(BatchAttempt).where(*same).values(error=error))
        return row

    def retry(self, batch_id: int, *, reserved_for: str | None = None, by_itself: bool = False) -> SyncBatch:
        """Makes a failed batch pending again, as its next attempt; ``reserved_for`` a run that will claim it.

        ``by_itself``: as long as nobody has cancelled it. Raises IllegalTransitionError, or BatchLostError when others
        were first.
        """
        batch = self.get(batch_id)
        next_status(Status(batch.status), Event.RETRY)
        values = {
            "status": Status.PENDING.value,
            "attempt": SyncBatch.attempt + 1,
            "dagster_run_id": reserved_for,
            "executor": None,
            "started_at": None,
            "finished_at": None,
            "heartbeat_at": None if reserved_for is None else func.clock_timestamp(),
            "planned": None,
            "counts": {},
            "progress": {},
            "error": None,
            # From now on it waits: that it was asked for long ago is nobody's delay.
            "not_before": func.greatest(SyncBatch.not_before, self.clock.now()),
            # Somebody decided to try this one again, whatever else waits by now.
            "unique_while_pending": False,
        }
        only = (RESTING,) if by_itself else ()
        with self.session() as session:
            return self._update(session, batch, values, status_before(Event.RETRY), *only)

    def _end(self, batch: SyncBatch, event: Event, error: dict[str, Any] | None) -> SyncBatch:
        after = next_status(Status(batch.status), event)
        now = self.clock.now()
        values: dict[str, Any] = {"status": after.value, "finished_at": now, "error": error}
        if error is not None and error["kind"] == INTERRUPTED.kind:
            interrupted = (
                select(func.count())
                .where(BatchAttempt.batch_id == batch.id, BatchAttempt.error["kind"].astext == INTERRUPTED.kind)
                .scalar_subquery()
            )
            values["max_attempts"] = SyncBatch.max_attempts + case((interrupted < MOST_INTERRUPTIONS, 1), else_=0)
        with self.session() as session:
            schedule = lock_schedule(session, batch.schedule_id)
            if schedule is not None:
                # Whoever asked for it may have a clock that is ahead: its time has come once.
                values["next_run_at"] = move_on(schedule, max(now, batch.requested_at))
            row = self._update(session, batch, values, status_before(event))
            session.execute(
                insert(BatchAttempt).values(batch_id=row.id, **{name: getattr(row, name) for name in KEPT_OF_ATTEMPT})
            )
            # Its lanes are free at once: no one waits for a lock's expiry because a batch died.
            session.execute(
                update(ScopeLock).where(ScopeLock.holder == lane_holder(row)).values(holder=None, expires_at=None)
            )
        return row

    def _change(self, batch: SyncBatch, values: dict[str, Any]) -> SyncBatch:
        with self.session() as session:
            return self._update(session, batch, values, (Status.PROCESSING,))

    @staticmethod
    def _update(
        session: Session, batch: SyncBatch, values: dict[str, Any], before: Sequence[Status], *only: ColumnElement[bool]
    ) -> SyncBatch:
        row = session.scalar(
            update(SyncBatch)
            .where(SyncBatch.id == batch.id, SyncBatch.attempt == batch.attempt, SyncBatch.status.in_(before), *only)
            .values(values)
            .returning(SyncBatch)
        )
        if row is None:
            raise BatchLostError(f"batch {batch.id} is no longer {' or '.join(before)} in attempt {batch.attempt}")
        return row


def lane_holder(batch: SyncBatch) -> str:
    """Returns the name under which an attempt of a batch holds its lanes."""
    return f"batch:{batch.id}:{batch.attempt}"
