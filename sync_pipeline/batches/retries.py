"""Which failed batches the ledger makes pending again by itself, and when. It alone retries; Dagster never does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from sync_pipeline.batches.ledger import BatchLostError
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.states import IllegalTransitionError, Status
from sync_pipeline.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.batches.ledger import Ledger

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)

#: What may be otherwise next time, besides a service that could not be reached: a killed run, a taken lane, a bug.
MAY_PASS = ("lost", "fenced", "lane_busy", "internal")
#: What a person decided or has to decide, whatever its exit status.
NEEDS_A_PERSON = ("cancelled", "unauthorized", "delete_guard", "books")


def wait_after(attempt: int) -> timedelta:
    """How long a failed attempt rests before the next: 30 s, doubled each time, at most 15 minutes."""
    return min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT)


def retry_failed(ledger: Ledger) -> Sequence[SyncBatch]:
    """Makes failed batches pending that have attempts left, failed for what may pass, and have rested; returns them."""
    now = ledger.clock.now()
    kind = SyncBatch.error["kind"].astext
    query = (
        select(SyncBatch)
        .where(
            SyncBatch.status == Status.FAILED.value,
            SyncBatch.attempt < SyncBatch.max_attempts,
            or_(SyncBatch.error["exit_status"].as_integer() == ServiceUnavailableError.exit_status, kind.in_(MAY_PASS)),
            kind.not_in(NEEDS_A_PERSON),
        )
        .order_by(SyncBatch.id)
    )
    with ledger.session() as session:
        failed = session.scalars(query).all()
    again = []
    for batch in failed:
        if batch.finished_at is None or now < batch.finished_at + wait_after(batch.attempt):
            continue
        try:
            again.append(ledger.retry(batch.id))
        except (IllegalTransitionError, BatchLostError):
            continue  # somebody else was first
    return again
