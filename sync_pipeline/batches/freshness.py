"""Whether a scope's parts are as new as its schedules ask: their last success against the last time that was due.

A success is a batch that finished the part, whatever became of the batch's other parts. Selective batches and dry runs
are none, and a schedule of full batches asks for full ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from sync_pipeline.batches.cron import CronError, last_run
from sync_pipeline.batches.models import SyncBatch, SyncSchedule
from sync_pipeline.batches.requests import SELECTION, Mode
from sync_pipeline.batches.schedules import describe_schedule
from sync_pipeline.batches.states import Status

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sync_pipeline.batches.ledger import Ledger

#: How long after its time a batch may end before its parts are late.
GRACE = timedelta(hours=1)


@dataclass(frozen=True)
class Freshness:
    """Whether a part is fresh, why, when it last succeeded, and the schedules that it was held against."""

    fresh: bool
    reason: str
    last_success: datetime | None
    schedules: Sequence[str]


def freshness(ledger: Ledger, scope: str, parts: Mapping[str, Collection[str]]) -> dict[str, Freshness]:
    """Returns the freshness of each part of a scope; ``parts`` names the batch types that bring each up to date."""
    return freshness_of_scopes(ledger, [scope], parts)[scope]


def freshness_of_scopes(
    ledger: Ledger, scopes: Sequence[str], parts: Mapping[str, Collection[str]]
) -> dict[str, dict[str, Freshness]]:
    """Returns the freshness of each part of each scope, as ``freshness``: three statements for all of them."""
    now = ledger.clock.now()
    with ledger.session() as session:
        known = select(SyncSchedule).where(SyncSchedule.scope.in_(scopes)).order_by(SyncSchedule.id)
        schedules = session.scalars(known).all()
        part = func.jsonb_object_keys(SyncBatch.counts).label("part")
        succeeded = (
            select(SyncBatch.scope, part, SyncBatch.mode, func.max(func.coalesce(SyncBatch.finished_at, now)))
            .where(
                SyncBatch.scope.in_(scopes),
                # Not the drains: a busy scope has thousands.
                SyncBatch.type.in_({SELECTION, *(one for types in parts.values() for one in types)}),
                SyncBatch.mode != Mode.SELECTIVE.value,
                ~SyncBatch.dry_run,
            )
            .group_by(SyncBatch.scope, part, SyncBatch.mode)
        )
        successes: dict[tuple[str, str], dict[Mode, datetime]] = {}
        for scope, name, mode, at in session.execute(succeeded):
            successes.setdefault((scope, name), {})[Mode(mode)] = at
        at_work = set(
            session.scalars(
                select(SyncBatch.schedule_id).where(
                    SyncBatch.scope.in_(scopes), SyncBatch.status == Status.PROCESSING.value
                )
            )
        )
    return {
        scope: {
            name: _freshness(
                [one for one in schedules if one.scope == scope and one.type in types],
                successes.get((scope, name), {}),
                at_work,
                now,
            )
            for name, types in parts.items()
        }
        for scope in scopes
    }


def _freshness(
    schedules: Sequence[SyncSchedule],
    successes: Mapping[Mode, datetime],
    at_work: Collection[int | None],
    now: datetime,
) -> Freshness:
    last = max(successes.values(), default=None)
    described = [describe_schedule(one) for one in schedules]
    running = [one for one in schedules if one.active and one.paused_reason is None]
    if not running:
        reason = "all its schedules rest" if schedules else "no schedule covers it"
        return Freshness(fresh=True, reason=f"{reason}: nothing is due", last_success=last, schedules=described)
    late = [found for one in running if one.id not in at_work and (found := _lateness(one, successes, now))]
    reason = "; ".join(late) or "every schedule has had its batch"
    return Freshness(fresh=not late, reason=reason, last_success=last, schedules=described)


def _lateness(schedule: SyncSchedule, successes: Mapping[Mode, datetime], now: datetime) -> str | None:
    """Returns in what way the part is late by a schedule; None when it is not."""
    try:
        due = last_run(schedule.cron, schedule.timezone, now - GRACE)
    except CronError as error:
        return str(error)
    if due is None or due <= schedule.updated_at:
        return None  # it is newer than its last time
    modes = [Mode.FULL] if schedule.mode == Mode.FULL else [Mode.FULL, Mode.INCREMENTAL]
    last = max((successes[mode] for mode in modes if mode in successes), default=None)
    if last is not None and last >= due:
        return None
    since = "none succeeded yet" if last is None else f"the last one succeeded {_moment(last)}"
    return f"{schedule.type} ({schedule.mode}) was due {_moment(due)}, {since}"


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
