"""Which failed batches the ledger makes pending again by itself, and when. It alone retries; Dagster never does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from sync_pipeline.batches.ledger import BatchLostError
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.states import IllegalTransitionError, Status
from sync_pipeline.errors import Retry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.batches.ledger import Ledger

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)


def wait_after(attempt: int) -> timedelta:
    """How long a failed attempt rests before the next: 30 s, doubled each time, at most 15 minutes."""
    return min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT)


def retry_failed(ledger: Ledger) -> Sequence[SyncBatch]:
    """Makes failed batches pending that have attempts left, failed for what may pass, and have rested; returns them."""
    now = ledger.clock.now()
    query = (
        select(SyncBatch)
        .where(
            SyncBatch.status == Status.FAILED.value,
            SyncBatch.attempt < SyncBatch.max_attempts,
            SyncBatch.error["retry"].astext == Retry.LATER.value,
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
