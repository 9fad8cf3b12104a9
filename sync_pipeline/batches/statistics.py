"""Figures about batches, for whoever watches over all stores: how many stand where, how many succeed, how fast."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import case, extract, func, or_, select

from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.states import UNFINISHED, Status

if TYPE_CHECKING:
    from sync_pipeline.batches.ledger import Ledger

WINDOW = timedelta(days=7)
#: Ends that say nothing about whether a batch can succeed: a person's decision, and a stop of what ran it.
NO_FAILURES = ("cancelled", "interrupted")


@dataclass(frozen=True)
class Statistics:
    """Of the batches that ended in the window, and of those that are not over; dry runs count nowhere.

    ``by_status`` counts batches that were cancelled or interrupted under these names and not as failed.
    ``success_share`` is that of the completed among the completed and failed, ``median_seconds`` that of the completed
    from request to end; both None when there are none. ``failures`` are by store, the most first.
    """

    days: int
    by_status: dict[str, int]
    success_share: float | None
    median_seconds: float | None
    failures: dict[str, int]


def statistics(ledger: Ledger, window: timedelta = WINDOW) -> Statistics:
    """Returns the figures of the last ``window``."""
    recent = (SyncBatch.finished_at >= ledger.clock.now() - window) & ~SyncBatch.dry_run
    kind = SyncBatch.error["kind"].astext
    end = case((kind.in_(NO_FAILURES), kind), else_=SyncBatch.status).label("end")
    counted = (
        select(end, func.count())
        .where(or_(recent, SyncBatch.status.in_(UNFINISHED)), ~SyncBatch.dry_run)
        .group_by("end")
    )
    seconds = extract("epoch", SyncBatch.finished_at - SyncBatch.requested_at)
    median = select(func.percentile_cont(0.5).within_group(seconds)).where(
        recent, SyncBatch.status == Status.COMPLETED.value
    )
    failed = (
        select(func.coalesce(SyncBatch.store_hash, SyncBatch.scope), func.count())
        .where(recent, SyncBatch.status == Status.FAILED.value, kind.is_(None) | kind.not_in(NO_FAILURES))
        .group_by(func.coalesce(SyncBatch.store_hash, SyncBatch.scope))
        .order_by(func.count().desc(), func.coalesce(SyncBatch.store_hash, SyncBatch.scope))
    )
    with ledger.session() as session:
        found = dict(session.execute(counted).all())
        typical = session.scalar(median)
        failures = dict(session.execute(failed).all())
    by_status = {name: found.get(name, 0) for name in (*(status.value for status in Status), *NO_FAILURES)}
    ended = by_status["completed"] + by_status["failed"]
    return Statistics(
        days=window.days,
        by_status=by_status,
        success_share=by_status["completed"] / ended if ended else None,
        median_seconds=None if typical is None else round(float(typical), 1),
        failures=failures,
    )
