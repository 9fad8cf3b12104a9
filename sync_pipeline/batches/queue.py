"""The ledger as a queue: which batches may start, and which were lost with their runs.

Read by the sensors and before every command that runs a batch; one query each.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select

from sync_pipeline.batches.failures import lost
from sync_pipeline.batches.ledger import BatchLostError
from sync_pipeline.batches.models import ScopeLock, SyncBatch
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.batches.states import Status

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sync_pipeline.batches.ledger import Ledger

#: A processing batch that was silent for so long is held for dead. Its heartbeat is every 2 s.
STALE_AFTER = timedelta(seconds=30)
#: A batch reserved for a run that never claimed it is given up after this.
RESERVATION_EXPIRES_AFTER = timedelta(minutes=5)

#: A batch that may start is started within some seconds, when there is room for a run.
WAITS_LONG = timedelta(seconds=20)


#: A heartbeat that lies as far ahead is one of a run that died before PostgreSQL's clock was set back.
#: Without any heartbeat is a row that somebody wrote by hand.
SILENT = (SyncBatch.status == Status.PROCESSING.value) & ~func.coalesce(
    SyncBatch.heartbeat_at, SyncBatch.started_at, SyncBatch.requested_at
).between(func.now() - STALE_AFTER, func.now() + STALE_AFTER)


def due(
    ledger: Ledger,
    pipelines: Collection[str] | None = None,
    *,
    lane: LaneName | None = LaneName.BULK,
    limit: int = 20,
) -> Sequence[SyncBatch]:
    """Returns the pending batches of a lane that may start now: the oldest of each scope whose lane is free.

    Those of all ``pipelines`` when none are given. Of ``lane`` None are batches that hold none; such a scope is never
    busy.
    """
    now = ledger.clock.now()
    name = None if lane is None else lane.value
    busy = select(ScopeLock.scope).where(
        ScopeLock.lane == name, ScopeLock.holder.is_not(None), ScopeLock.expires_at > func.now()
    )
    oldest = (
        select(func.min(SyncBatch.id))
        .where(
            SyncBatch.lane == name,
            SyncBatch.status == Status.PENDING.value,
            SyncBatch.dagster_run_id.is_(None),
            or_(SyncBatch.not_before.is_(None), SyncBatch.not_before <= now),
            SyncBatch.scope.not_in(busy),
        )
        .group_by(SyncBatch.scope)
    )
    if pipelines is not None:
        oldest = oldest.where(SyncBatch.pipeline.in_(pipelines))
    with ledger.session() as session:
        return session.scalars(
            select(SyncBatch).where(SyncBatch.id.in_(oldest)).order_by(SyncBatch.id).limit(limit)
        ).all()


def with_runs(ledger: Ledger, pipelines: Collection[str], *, limit: int = 500) -> Sequence[SyncBatch]:
    """Returns the unfinished batches that may have a run, the oldest first: at work, reserved, or pending and due.

    Of more than ``limit``, those that a run holds come first: no backlog hides them.
    """
    held = or_(SyncBatch.status == Status.PROCESSING.value, SyncBatch.dagster_run_id.is_not(None))
    pending = (SyncBatch.status == Status.PENDING.value) & or_(
        SyncBatch.dagster_run_id.is_not(None),
        SyncBatch.not_before.is_(None),
        SyncBatch.not_before <= ledger.clock.now(),
    )
    query = (
        select(SyncBatch)
        .where(or_(SyncBatch.status == Status.PROCESSING.value, pending), SyncBatch.pipeline.in_(pipelines))
        .order_by(held.desc(), SyncBatch.id)
        .limit(limit)
    )
    with ledger.session() as session:
        return session.scalars(query).all()


def find_all(ledger: Ledger, numbers: Collection[int]) -> dict[int, SyncBatch]:
    """Returns the batches of these numbers that there are, by number."""
    with ledger.session() as session:
        found = session.scalars(select(SyncBatch).where(SyncBatch.id.in_(numbers))).all() if numbers else []
    return {batch.id: batch for batch in found}


def unlocked(ledger: Ledger, batches: Sequence[SyncBatch]) -> list[SyncBatch]:
    """Returns those of the batches whose rows nobody holds locked now.

    Whoever changes many asks first: to wait for each locked row takes longer than a sensor's tick may.
    """
    rows = select(SyncBatch.id).where(SyncBatch.id.in_([batch.id for batch in batches])).order_by(SyncBatch.id)
    with ledger.session() as session:
        free = set(session.scalars(rows.with_for_update(skip_locked=True)) if batches else ())
    return [batch for batch in batches if batch.id in free]


def kept_waiting(ledger: Ledger) -> bool:
    """Returns whether a batch that may start has waited for long.

    Others, of any pipeline, have all the runs that may be. Pipelines that the ledger was not told of are not configured
    here: their batches wait for something else.
    """
    before = ledger.clock.now() - WAITS_LONG
    known = list(ledger.nouns) or None
    startable = [batch for lane in (*LaneName, None) for batch in due(ledger, known, lane=lane)]
    return any((batch.not_before or batch.requested_at) < before for batch in startable)


def at_work(ledger: Ledger, scope: str, lane: LaneName) -> set[tuple[int, int]]:
    """Returns the batches of a scope's lane that are processing, as id and attempt."""
    query = select(SyncBatch.id, SyncBatch.attempt).where(
        SyncBatch.scope == scope, SyncBatch.lane == lane.value, SyncBatch.status == Status.PROCESSING.value
    )
    with ledger.session() as session:
        return {(number, attempt) for number, attempt in session.execute(query)}


def worked_since(ledger: Ledger, scope: str, lane: LaneName, moment: datetime) -> bool:
    """Returns whether a batch of the scope's lane was at work after ``moment``."""
    later = select(SyncBatch.id).where(
        SyncBatch.scope == scope,
        SyncBatch.lane == lane.value,
        SyncBatch.started_at.is_not(None),
        or_(SyncBatch.finished_at.is_(None), SyncBatch.finished_at >= moment),
    )
    with ledger.session() as session:
        return session.scalar(later.limit(1)) is not None


def stalled(ledger: Ledger) -> Sequence[SyncBatch]:
    """Returns the processing batches whose run has given no sign of life for 30 s, the oldest first.

    Each has stalled since `silent_since`. Where a Dagster daemon works, its reaper closes them within seconds.
    """
    with ledger.session() as session:
        return session.scalars(select(SyncBatch).where(SILENT).order_by(SyncBatch.id)).all()


def silent_since(batch: SyncBatch) -> datetime:
    """Returns when a batch's run gave its last sign of life, or should have given its first."""
    return batch.heartbeat_at or batch.started_at or batch.requested_at


def reap(ledger: Ledger) -> Sequence[SyncBatch]:
    """Fails batches whose run is silent for 30 s, or never claimed its reserved batch; returns them.

    By PostgreSQL's clock, whatever the machines' say. A row that somebody holds locked is left for the next time: it
    delays no other.
    """
    abandoned = (
        (SyncBatch.status == Status.PENDING.value)
        & SyncBatch.dagster_run_id.is_not(None)
        # A reservation of an earlier release has no sign of life.
        & (func.coalesce(SyncBatch.heartbeat_at, SyncBatch.requested_at) < func.now() - RESERVATION_EXPIRES_AFTER)
    )
    with ledger.session() as session:
        found = session.scalars(select(SyncBatch).where(or_(SILENT, abandoned)).order_by(SyncBatch.id)).all()
    reaped = []
    for batch in unlocked(ledger, found):
        what = "its run gave no sign of life for 30 s" if batch.started_at else "its run never started"
        try:
            reaped.append(ledger.fail(batch, **asdict(lost(batch.id, what))))
        except BatchLostError:
            continue  # it ended, or another reaper was first
    return reaped
