"""What parts of earlier batches recorded: the newest figures of a scope, whatever became of their batches."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from sync_pipeline.batches.models import SyncBatch

if TYPE_CHECKING:
    from sync_pipeline.batches.ledger import Ledger


def newest_counts(ledger: Ledger, scope: str, part: str, *, having: str | None = None) -> dict[str, Any] | None:
    """Returns the figures that a part of the scope recorded last; None if it never did.

    With ``having``, only figures that have a value of that name.
    """
    part = str(part)  # SQLAlchemy would send a StrEnum as JSON
    query = select(SyncBatch.counts).where(SyncBatch.scope == scope, SyncBatch.counts.has_key(part))
    if having is not None:
        query = query.where(SyncBatch.counts[part][having].astext.is_not(None))
    with ledger.session() as session:
        counts = session.scalar(query.order_by(SyncBatch.id.desc()).limit(1))
    return None if counts is None else counts[part]


def newest_reading(ledger: Ledger, scope: str, part: str) -> datetime | None:
    """Returns when the source was last read for a part, by the source's own clock: `read_at` of its newest figures."""
    stats = newest_counts(ledger, scope, part, having="read_at")
    return None if stats is None else datetime.fromisoformat(stats["read_at"])
