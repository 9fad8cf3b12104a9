"""What the ledger keeps of a scope, and how it is forgotten when the scope is removed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from sync_pipeline.batches.ledger import BatchLostError
from sync_pipeline.batches.models import DeadLetter, ScopeLock, SyncBatch, SyncedKey, SyncSchedule, Tombstone
from sync_pipeline.batches.states import UNFINISHED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.batches.ledger import Ledger


def forget_scope(ledger: Ledger, scope: str) -> Sequence[SyncBatch]:
    """Cancels the unfinished batches of a removed scope and deletes what was kept for the next ones; returns these.

    Its ended batches and dead letters stay as history; open letters are discarded. A run that is still at work has lost
    its lane and writes no more.
    """
    with ledger.session() as session:
        session.execute(delete(SyncSchedule).where(SyncSchedule.scope == scope))
        unfinished = session.scalars(
            select(SyncBatch).where(SyncBatch.scope == scope, SyncBatch.status.in_(UNFINISHED)).order_by(SyncBatch.id)
        ).all()
    cancelled = []
    for batch in unfinished:
        with suppress(BatchLostError):  # it ended at this very moment
            cancelled.append(ledger.fail(batch, kind="cancelled", message=f"{scope} was removed"))
    now = ledger.clock.now()
    with ledger.session() as session:
        for model in (ScopeLock, Tombstone, SyncedKey):
            session.execute(delete(model).where(model.scope == scope))
        session.execute(
            update(DeadLetter)
            .where(DeadLetter.scope == scope, DeadLetter.state == "open")
            .values(state="discarded", updated_at=now)
        )
    return cancelled
