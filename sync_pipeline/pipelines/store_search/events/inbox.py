"""The events that BigCommerce told of, as rows that wait for a batch. No HTTP here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.batches.ledger import Ledger

_CHANNEL = "sync_pipeline_events_"

# Stores are locked against removal for the moment, so that one removed meanwhile drops its own events and not the whole
# statement (by its foreign key). Only *waiting* rows take in another delivery: a second edit within the same second has
# the same hash, and must not disappear in an event that a batch has already claimed.
_STORE = text("""
WITH stored AS (
    INSERT INTO sync_pipeline.webhook_events (store_hash, scope, key, hash, payload, received, received_at)
    SELECT event.*, :now
    FROM unnest(
        CAST(:store_hashes AS text[]), CAST(:scopes AS text[]), CAST(:keys AS text[]), CAST(:hashes AS text[]),
        CAST(:payloads AS text[]), CAST(:received AS int[])
    ) AS event (store_hash, scope, key, hash, payload, received)
    JOIN sync_pipeline.stores ON stores.hash = event.store_hash
    ORDER BY event.store_hash, event.hash
    FOR KEY SHARE OF stores
    ON CONFLICT (store_hash, hash) WHERE state = 'waiting'
    DO UPDATE SET received = webhook_events.received + excluded.received
    RETURNING store_hash
)
SELECT store_hash, pg_notify(:channel || store_hash, '') FROM (SELECT DISTINCT store_hash FROM stored) AS told
""")


def channel_of(store_hash: str) -> str:
    """Returns the channel on which is told that events of the store were stored.

    One for each store: whoever waits for a store's events is not woken by those of the others.
    """
    return _CHANNEL + store_hash


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as it arrived. ``hash`` is the same for two deliveries of one event, ``payload`` the body as it came."""

    store_hash: str
    scope: str
    key: str
    hash: str
    payload: str


def store_events(ledger: Ledger, events: Sequence[NewEvent]) -> frozenset[str]:
    """Stores the events in one transaction, and tells who listens; returns the stores that there (still) are.

    Events of other stores are dropped. Raises LedgerUnavailableError, with nothing stored.
    """
    received = Counter((event.store_hash, event.hash) for event in events)
    # The statement sorts them, so that two receivers take their rows in the same order and never wait in a circle.
    distinct = list({(event.store_hash, event.hash): event for event in events}.values())
    with ledger.session() as session:
        told = session.execute(
            _STORE,
            {
                "now": ledger.clock.now(),
                "store_hashes": [event.store_hash for event in distinct],
                "scopes": [event.scope for event in distinct],
                "keys": [event.key for event in distinct],
                "hashes": [event.hash for event in distinct],
                "payloads": [event.payload for event in distinct],
                "received": [received[event.store_hash, event.hash] for event in distinct],
                "channel": _CHANNEL,
            },
        )
        return frozenset(row.store_hash for row in told)
