"""Batches that wait longer than they should. What may start is queue.py's to say."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sync_pipeline.batches.queue import due
from sync_pipeline.batches.requests import LaneName

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.models import SyncBatch

#: What may start is started within seconds where there is room for a run.
WAITS_LONG = timedelta(minutes=2)
LIMIT = 1_000


def overdue(ledger: Ledger, pipelines: Collection[str]) -> Sequence[SyncBatch]:
    """Returns the batches that may start and have waited for long, the oldest of each scope and lane, longest first.

    Those of other ``pipelines`` wait for something else: they are not configured here.
    """
    before = ledger.clock.now() - WAITS_LONG
    startable = [batch for lane in (*LaneName, None) for batch in due(ledger, pipelines, lane=lane, limit=LIMIT)]
    return sorted((batch for batch in startable if waits_since(batch) < before), key=waits_since)


def waits_since(batch: SyncBatch) -> datetime:
    """Returns since when a pending batch may start, its scope's lane aside."""
    return max(batch.not_before, batch.requested_at) if batch.not_before else batch.requested_at
