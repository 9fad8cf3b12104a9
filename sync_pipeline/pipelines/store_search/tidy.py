"""What the daily maintenance removes of this pipeline: events that are over, and indices that nobody owns."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, literal

from sync_pipeline.batches.patience import LONG_WORK, more_patient
from sync_pipeline.pipelines.store_search.events.models import WebhookEvent
from sync_pipeline.pipelines.store_search.index.cleanup import remove_orphaned_indices

if TYPE_CHECKING:
    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch

EVENTS_KEPT = timedelta(days=7)


def tidy(runtime: StoreSearch) -> dict[str, int]:
    """Removes what is old and over; returns how many of each."""
    events = delete_old_events(runtime.ledger)
    removed = asyncio.run(remove_orphaned_indices(runtime, holder=f"maintenance:{secrets.token_hex(8)}"))
    return {"webhook_events": events, "indices": len(removed)}


def delete_old_events(ledger: Ledger) -> int:
    """Deletes events that were dealt with a week ago; returns how many."""
    old = delete(WebhookEvent).where(
        WebhookEvent.state.in_(("done", "coalesced", "dead")), WebhookEvent.done_at < ledger.clock.now() - EVENTS_KEPT
    )
    with ledger.session() as session, more_patient(session.connection(), LONG_WORK):
        return len(session.execute(old.returning(literal(1))).all())
