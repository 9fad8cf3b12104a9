"""Time that passes for the ledger, whose leases and heartbeats go by PostgreSQL's clock, which no test can move."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.models import ScopeLock, SyncBatch


def pass_time(ledger: Ledger, seconds: float) -> None:
    """Makes every lease and sign of life so much older, as if PostgreSQL's clock had moved on (below zero: back)."""
    ago = timedelta(seconds=seconds)
    with ledger.session() as session:
        session.execute(update(SyncBatch).values(heartbeat_at=SyncBatch.heartbeat_at - ago))
        session.execute(update(ScopeLock).values(expires_at=ScopeLock.expires_at - ago))
