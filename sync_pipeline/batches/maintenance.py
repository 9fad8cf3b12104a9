"""What the ledger forgets, and when: history that nobody asks for any more."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from sync_pipeline.batches.models import DeadLetter, SyncBatch, Tombstone
from sync_pipeline.batches.patience import LONG_WORK, more_patient
from sync_pipeline.batches.states import UNFINISHED

if TYPE_CHECKING:
    from sync_pipeline.batches.ledger import Ledger

BATCHES_KEPT = timedelta(days=90)
#: So many of each scope are kept, however old they are.
NEWEST_KEPT = 100
LETTERS_KEPT = timedelta(days=90)
#: As in delivery/tombstones.py, where a build forgets those of its own store.
TOMBSTONES_KEPT = timedelta(days=30)


def forget_old(ledger: Ledger) -> dict[str, int]:
    """Deletes what is old and over; returns how many rows of each table."""
    now = ledger.clock.now()
    place = func.row_number().over(partition_by=SyncBatch.scope, order_by=SyncBatch.id.desc()).label("place")
    ranked = select(SyncBatch.id, place).subquery()
    deletions = (
        delete(SyncBatch).where(
            SyncBatch.status.not_in(UNFINISHED),
            SyncBatch.finished_at < now - BATCHES_KEPT,
            SyncBatch.id.in_(select(ranked.c.id).where(ranked.c.place > NEWEST_KEPT)),
        ),
        delete(DeadLetter).where(DeadLetter.state != "open", DeadLetter.updated_at < now - LETTERS_KEPT),
        delete(Tombstone).where(Tombstone.deleted_at < now - TOMBSTONES_KEPT),
    )
    counts = {}
    for deletion in deletions:
        with ledger.session() as session, more_patient(session.connection(), LONG_WORK):
            counts[deletion.table.name] = session.execute(deletion).rowcount  # pyright: ignore
    return counts
