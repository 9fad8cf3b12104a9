"""What parts of earlier batches recorded: the newest figures of a scope, whatever became of their batches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, column, func, or_, select, true
from sqlalchemy.dialects.postgresql import JSONB, distinct_on

from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.requests import VERIFY

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


@dataclass(frozen=True)
class Verified:
    """What a verify batch found of one part, and when it had compared it."""

    batch: int
    at: datetime
    stats: dict[str, Any]


def newest_verified(ledger: Ledger, pipeline: str, scope: str | None = None) -> dict[tuple[str, str], Verified]:
    """Returns by scope and part what the newest verify batch of it found: of a scope, or of all in one statement."""
    part = func.jsonb_each(SyncBatch.counts[VERIFY]["parts"]).table_valued(column("key", Text), column("value", JSONB))
    at = func.coalesce(SyncBatch.finished_at, ledger.clock.now())
    query = (
        select(SyncBatch.scope, part.c.key, SyncBatch.id, at, part.c.value)
        .join(part, true())
        .where(SyncBatch.pipeline == pipeline, SyncBatch.type == VERIFY)
        .ext(distinct_on(SyncBatch.scope, part.c.key))
        .order_by(SyncBatch.scope, part.c.key, SyncBatch.id.desc())
    )
    if scope is not None:
        query = query.where(SyncBatch.scope == scope)
    with ledger.session() as session:
        return {
            (found, name): Verified(batch, when, stats) for found, name, batch, when, stats in session.execute(query)
        }


def recorded_since(ledger: Ledger, scope: str, part: str, moment: datetime) -> bool:
    """Returns whether a batch of the scope finished the part after ``moment``."""
    later = select(SyncBatch.id).where(
        SyncBatch.scope == scope,
        SyncBatch.counts.has_key(str(part)),
        or_(SyncBatch.finished_at.is_(None), SyncBatch.finished_at > moment),
    )
    with ledger.session() as session:
        return session.scalar(later.limit(1)) is not None


def newest_reading(ledger: Ledger, scope: str, part: str) -> datetime | None:
    """Returns when the source was last read for a part, by the source's own clock: `read_at` of its newest figures."""
    stats = newest_counts(ledger, scope, part, having="read_at")
    return None if stats is None else datetime.fromisoformat(stats["read_at"])
