"""Schedules: which batches recur, when each is due, and the one pending batch that a due schedule gets.

A schedule's next run is set when its batch ends, however it ends, and in the same transaction (`Ledger`): so a missed
time runs once, and one that takes longer than its interval does not pile up.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from sync_pipeline.batches.cron import is_zone, next_run, zone
from sync_pipeline.batches.models import SyncBatch, SyncSchedule
from sync_pipeline.batches.requests import Trigger
from sync_pipeline.batches.states import UNFINISHED
from sync_pipeline.errors import UsageError
from sync_pipeline.logs import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.requests import BatchRequest, Mode

    #: What a schedule asks for each time. Raises UsageError.
    Recurring = Callable[[SyncSchedule], BatchRequest]

log = Log("sync_pipeline.batches")

# SQLSTATE (PostgreSQL manual, appendix A).
UNIQUE_VIOLATION = "23505"


class UnknownScheduleError(UsageError):
    """The ledger has no such schedule."""

    kind = "unknown_schedule"


def add_schedule(ledger: Ledger, what: BatchRequest, *, cron: str, timezone: str = "UTC") -> SyncSchedule:
    """Makes ``what`` recur. Raises UsageError for a wrong time, or when there is a schedule alike."""
    now = ledger.clock.now()
    row = SyncSchedule(
        pipeline=what.pipeline,
        scope=what.scope,
        store_hash=what.store_hash,
        type=what.type,
        mode=what.mode.value,
        cron=" ".join(cron.split()),
        timezone=timezone,
        active=True,
        next_run_at=next_run(cron, timezone, now),
        created_at=now,
        updated_at=now,
    )
    with _unlike_others(ledger, row) as session:
        session.add(row)
    return row


def list_schedules(ledger: Ledger, *, pipeline: str | None = None, scope: str | None = None) -> Sequence[SyncSchedule]:
    """Returns all schedules, or a pipeline's or a scope's, in the order in which they were made."""
    query = select(SyncSchedule).order_by(SyncSchedule.id)
    if pipeline is not None:
        query = query.where(SyncSchedule.pipeline == pipeline)
    if scope is not None:
        query = query.where(SyncSchedule.scope == scope)
    with ledger.session() as session:
        return session.scalars(query).all()


def get_schedule(ledger: Ledger, schedule_id: int) -> SyncSchedule:
    """Returns the schedule. Raises UnknownScheduleError."""
    with ledger.session() as session:
        return _existing(session, schedule_id)


def change_schedule(
    ledger: Ledger,
    schedule_id: int,
    *,
    cron: str | None = None,
    timezone: str | None = None,
    mode: Mode | None = None,
    active: bool | None = None,
) -> SyncSchedule:
    """Changes what is given; its next run is then the next one from now. Raises UsageError as ``add_schedule``."""
    row = get_schedule(ledger, schedule_id)
    with _unlike_others(ledger, row) as session:
        row = _existing(session, schedule_id, lock=True)
        now = ledger.clock.now()
        row.cron = row.cron if cron is None else " ".join(cron.split())
        row.timezone = timezone or row.timezone
        row.mode = row.mode if mode is None else mode.value
        row.active = row.active if active is None else active
        row.next_run_at = next_run(row.cron, row.timezone, now)
        row.updated_at = now
    return row


def remove_schedule(ledger: Ledger, schedule_id: int) -> None:
    """Removes the schedule; its batches stay as history. Raises UnknownScheduleError."""
    with ledger.session() as session:
        session.delete(_existing(session, schedule_id, lock=True))


def request_due(ledger: Ledger, pipelines: Mapping[str, Recurring], retries: int) -> Sequence[SyncBatch]:
    """Gives every active schedule that is due and has no unfinished batch a pending one; returns these.

    ``pipelines`` make the request of a schedule, by name (``Pipeline.recurring``); one that its pipeline refuses (its
    type is gone from the configuration) is logged and left, and stops no other.

    Two who ask at once never make two: each schedule is locked, and looked at again under the lock. Those that their
    pipeline lets rest (``pause_schedules``) are left out.
    """
    now = ledger.clock.now()
    its_time_has_come = (
        select(SyncSchedule)
        .where(
            SyncSchedule.pipeline.in_(list(pipelines)),
            SyncSchedule.active,
            SyncSchedule.paused_reason.is_(None),
            SyncSchedule.next_run_at <= now,
        )
        .order_by(SyncSchedule.next_run_at, SyncSchedule.id)
        .with_for_update(skip_locked=True)
    )
    with ledger.session() as session:
        schedules = session.scalars(its_time_has_come).all()
        # A statement of its own: what another has made before the lock was ours, the first one cannot see.
        unfinished = select(SyncBatch.schedule_id).where(
            SyncBatch.schedule_id.in_([schedule.id for schedule in schedules]), SyncBatch.status.in_(UNFINISHED)
        )
        at_work = set(session.scalars(unfinished))
        requests = [_request(schedule, pipelines, retries) for schedule in schedules if schedule.id not in at_work]
        return [ledger.add(session, request) for request in requests if request is not None]


def describe_schedule(schedule: SyncSchedule) -> str:
    """Returns a schedule in a line for people: what, when, and when it runs next, by its own zone's clock, or why not.

    A zone that is gone from the system's has its times in UTC.
    """
    rests = "inactive" if not schedule.active else schedule.paused_reason
    where = zone(schedule.timezone) if is_zone(schedule.timezone) else UTC
    next_run_at = f"next {schedule.next_run_at.astimezone(where):%Y-%m-%d %H:%M %Z}"
    what = f"{schedule.type} ({schedule.mode}) at `{schedule.cron}` {schedule.timezone}"
    return f"{what}: {rests or next_run_at}"


def pause_schedules(session: Session, scope: str, reason: str | None) -> None:
    """Lets a scope's schedules rest for ``reason``, or, with None, go on. In a transaction that is under way."""
    session.execute(update(SyncSchedule).where(SyncSchedule.scope == scope).values(paused_reason=reason))


def _request(schedule: SyncSchedule, pipelines: Mapping[str, Recurring], retries: int) -> BatchRequest | None:
    try:
        request = pipelines[schedule.pipeline](schedule)
    except UsageError as error:
        log.error("schedule not obeyed", schedule=schedule.id, scope=schedule.scope, error=str(error))
        return None
    return replace(request, trigger=Trigger.SCHEDULE, schedule_id=schedule.id, max_attempts=1 + retries)


def _existing(session: Session, schedule_id: int, *, lock: bool = False) -> SyncSchedule:
    row = session.get(SyncSchedule, schedule_id, with_for_update=True if lock else None)
    if row is None:
        raise UnknownScheduleError(
            f"schedule {schedule_id} does not exist: `sync-pipeline schedules list` shows those there are"
        )
    return row


@contextmanager
def _unlike_others(ledger: Ledger, row: SyncSchedule) -> Iterator[Session]:
    """Yields a transaction that says in one line when a schedule would be like another of the same scope."""
    try:
        with ledger.session() as session:
            yield session
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) != UNIQUE_VIOLATION:
            raise
        raise UsageError(
            f"{row.scope} has a schedule of that type, mode, time and zone already: `sync-pipeline schedules list`"
        ) from None
