"""Which failed batches the ledger makes pending again by itself, and when. It alone retries; Dagster never does."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from sync_pipeline.backoff import Backoff
from sync_pipeline.batches.failures import INTERRUPTED, MOST_INTERRUPTIONS
from sync_pipeline.batches.ledger import RESTING, BatchLostError
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.queue import unlocked
from sync_pipeline.batches.rows import request_of
from sync_pipeline.batches.states import IllegalTransitionError, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sync_pipeline.batches.ledger import Ledger

#: What a failed attempt rests before the next: 30 s, doubled each time, at most 15 minutes.
RESTS = Backoff(first=30.0, cap=15 * 60.0, jitter=0.0)


def retry_failed(ledger: Ledger, wait: Callable[[SyncBatch], bool] = lambda _: False) -> Sequence[SyncBatch]:
    """Makes failed batches pending that have attempts left, failed for what may pass, and have rested; returns them.

    Those that ``wait`` holds back are looked at again the next time, as is a row that somebody holds locked: it delays
    no other.
    """
    now = ledger.clock.now()
    with ledger.session() as session:
        candidates = session.scalars(select(SyncBatch).where(RESTING).order_by(SyncBatch.id)).all()
    again = []
    for batch in unlocked(ledger, [batch for batch in candidates if _has_rested(batch, now)]):
        if wait(batch):
            continue
        try:
            again.append(ledger.retry(batch.id, by_itself=True))
        except (IllegalTransitionError, BatchLostError):
            continue  # somebody else was first
    return again


def run_again(ledger: Ledger, batch_id: int, *, run_id: str) -> SyncBatch:
    """Returns the batch that a run claims which a person started as the repetition of a batch's run.

    Of a failed batch that is its next attempt; one that waits for any run is returned as it is. Of one that is
    completed, or that another run holds, it is a new batch that asks for the same. Raises BatchNotFoundError.
    """
    batch = ledger.get(batch_id)
    if batch.status == Status.PENDING and batch.dagster_run_id in {None, run_id}:
        return batch
    if batch.status == Status.FAILED:
        with suppress(IllegalTransitionError, BatchLostError):  # another repetition was first
            return ledger.retry(batch_id, reserved_for=run_id)
    return ledger.request(replace(request_of(batch), reserved_for=run_id))


def _has_rested(batch: SyncBatch, now: datetime) -> bool:
    if (batch.error or {}).get("kind") == INTERRUPTED.kind and batch.attempt <= MOST_INTERRUPTIONS:
        return True  # nothing went wrong that could pass
    return batch.finished_at is not None and now >= batch.finished_at + timedelta(seconds=RESTS.wait(batch.attempt))
