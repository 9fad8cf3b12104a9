"""Which failed batches the ledger makes pending again by itself, and when. It alone retries; Dagster never does."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from sync_pipeline.backoff import Backoff
from sync_pipeline.batches.failures import CANCELLED, INTERRUPTED, MOST_INTERRUPTIONS
from sync_pipeline.batches.ledger import BatchLostError
from sync_pipeline.batches.models import BatchAttempt, SyncBatch
from sync_pipeline.batches.queue import unlocked
from sync_pipeline.batches.rows import request_of
from sync_pipeline.batches.states import IllegalTransitionError, Status
from sync_pipeline.errors import Retry

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
        candidates = session.scalars(query).all()
    again = []
    for batch in unlocked(ledger, [batch for batch in candidates if _has_rested(batch, now)]):
        if wait(batch):
            continue
        try:
            again.append(ledger.retry(batch.id))
        except (IllegalTransitionError, BatchLostError):
            continue  # somebody else was first
    return again


def leave_to_person(ledger: Ledger, batch: SyncBatch) -> None:
    """Corrects a batch that was closed as lost though a person had terminated its run: nothing retries it by itself."""
    words = {"kind": CANCELLED.kind, "message": CANCELLED.message, "retry": CANCELLED.retry.value}
    error = {**(batch.error or {}), **words}
    with ledger.session() as session:
        for rows, number in ((SyncBatch, SyncBatch.id), (BatchAttempt, BatchAttempt.batch_id)):
            same = (number == batch.id, rows.attempt == batch.attempt, rows.status == Status.FAILED.value)
            session.execute(update(rows).where(*same).values(error=error))


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
