"""Webhook events as a queue: which stores have some, who works on them, and what became of them.

A drain holds its store's `events` lane, so whatever an earlier holder had claimed is free when the next one has the
lane: the lane's lease is the claim's. What belongs here: claiming and ending. What does not: storing what came in
(inbox.py), and what an event means.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from sqlalchemy import select, text, update

from sync_pipeline.backoff import Backoff
from sync_pipeline.batches.database import reachable
from sync_pipeline.batches.lanes import FencedError
from sync_pipeline.batches.ledger import lane_holder
from sync_pipeline.batches.states import Status
from sync_pipeline.pipelines.store_search.events.inbox import channel_of
from sync_pipeline.pipelines.store_search.events.models import WebhookEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Select, TextClause

    from sync_pipeline.batches.lanes import Lane
    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.models import SyncBatch as Batch

#: When so many drains died with an event, its key is claimed alone; and then, there is no other try.
ALONE_AFTER, POISON_AFTER = 2, 3
#: After a failed drain the store's next one waits: 5 s, then twice as long each time, at most 15 minutes. One that was
#: killed is not waited for any longer than that; one that fails again and again costs less and less.
PAUSES = Backoff(first=5.0, cap=15 * 60.0, jitter=0.0)
_REMEMBERED_FAILURES = 9

# Another event of the same hash may wait by now, or be stored at this very moment: the two become one. The order is
# that of store_events, so that the two statements never wait for each other in a circle.
_UNCLAIM = """
WITH freed AS (
    DELETE FROM sync_pipeline.webhook_events
    WHERE store_hash = :store AND state = 'claimed' AND claimed_by {whose} :holder
    RETURNING *
)
INSERT INTO sync_pipeline.webhook_events AS waiting
    (id, store_hash, scope, key, hash, payload, received, attempts, received_at)
SELECT min(id), store_hash, min(scope), min(key), hash, min(payload), sum(received), max(attempts) - {given_back},
    min(received_at)
FROM freed
GROUP BY store_hash, hash
ORDER BY store_hash, hash
ON CONFLICT (store_hash, hash) WHERE state = 'waiting'
DO UPDATE SET received = waiting.received + excluded.received,
    attempts = greatest(waiting.attempts, excluded.attempts)
RETURNING id
"""
_REQUEUE = text(_UNCLAIM.format(whose="IS DISTINCT FROM", given_back=0))
_RELEASE = text(_UNCLAIM.format(whose="=", given_back=1))
# One look into an index for each store, however many events wait.
_WITH_EVENTS = text("""
SELECT store.hash, array_remove(array_agg(ended.status ORDER BY ended.id DESC), NULL) AS statuses,
    (array_agg(ended.finished_at ORDER BY ended.id DESC))[1] AS finished_at
FROM sync_pipeline.stores AS store
LEFT JOIN LATERAL (
    SELECT id, status, finished_at FROM sync_pipeline.sync_batches
    WHERE scope = 'store:' || store.hash AND lane = 'events'
    ORDER BY id DESC LIMIT :remembered
) AS ended ON true
WHERE store.uninstalled_at IS NULL
    AND EXISTS (
        SELECT FROM sync_pipeline.webhook_events
        WHERE store_hash = store.hash AND state IN ('waiting', 'claimed')
    )
    AND NOT EXISTS (
        SELECT FROM sync_pipeline.sync_batches
        WHERE scope = 'store:' || store.hash AND lane = 'events' AND status IN ('pending', 'processing')
    )
GROUP BY store.hash
ORDER BY store.hash
""")


_LATE_EVENTS = text("""
SELECT store.hash, count(*) AS number, min(event.received_at) AS since
FROM sync_pipeline.stores AS store
JOIN sync_pipeline.webhook_events AS event ON event.store_hash = store.hash AND event.state IN ('waiting', 'claimed')
WHERE store.uninstalled_at IS NULL
    AND NOT EXISTS (
        SELECT FROM sync_pipeline.sync_batches
        WHERE scope = 'store:' || store.hash AND lane = 'events' AND status = 'processing'
    )
GROUP BY store.hash
HAVING min(event.received_at) < :before
ORDER BY since, store.hash
""")


def stores_with_events(ledger: Ledger) -> list[str]:
    """Returns the stores that have events and no unfinished drain, and did not just fail one."""
    now = ledger.clock.now()
    with ledger.session() as session:
        found = session.execute(_WITH_EVENTS, {"remembered": _REMEMBERED_FAILURES}).all()
    return [row.hash for row in found if not _pauses(row.statuses, row.finished_at, now)]


def late_events(ledger: Ledger, *, older_than: timedelta) -> list[tuple[str, int, datetime]]:
    """Returns the stores whose oldest event waits for longer, though no drain is at work: with how many, since when."""
    before = ledger.clock.now() - older_than
    with ledger.session() as session:
        return [(row.hash, row.number, row.since) for row in session.execute(_LATE_EVENTS, {"before": before})]


def _pauses(statuses: Sequence[str], finished_at: datetime | None, now: datetime) -> bool:
    """Returns whether a store still rests after failed drains.

    By how its last ones ended, the newest first, and when that.
    """
    failures = next((n for n, status in enumerate(statuses) if status != Status.FAILED), len(statuses))
    if not failures or finished_at is None:
        return False
    return now < finished_at + timedelta(seconds=PAUSES.wait(failures))


@dataclass(frozen=True)
class EventClaims:
    """The events of one store, as the drain that holds its `events` lane claims and ends them."""

    ledger: Ledger
    lane: Lane
    batch: Batch

    @property
    def holder(self) -> str:
        """The name under which this attempt claims."""
        return lane_holder(self.batch)

    def requeue_orphaned(self) -> int:
        """Makes events wait again that earlier holders of the lane claimed and died with; how many."""
        return self._unclaim(_REQUEUE)

    def release_claims(self) -> int:
        """Makes this holder's own events wait again, as if they had never been claimed; how many.

        For a drain that ends by a failure that is no event's fault: only death counts against those it held.
        """
        return self._unclaim(_RELEASE)

    def take(self, limit: int) -> Sequence[WebhookEvent]:
        """Claims the oldest waiting events, at most ``limit``, of keys that need not be alone."""
        return self._claim(self._waiting.where(WebhookEvent.key.not_in(self._suspects)).limit(limit))

    def take_alone(self) -> Sequence[WebhookEvent]:
        """Claims the waiting events of one key with which ALONE_AFTER drains died: what kills drains is among those."""
        first = self._suspects.order_by(WebhookEvent.id).limit(1).scalar_subquery()
        return self._claim(self._waiting.where(WebhookEvent.key == first))

    def end(self, states: dict[int, str], errors: dict[int, str]) -> None:
        """Acknowledges events: their final ``states`` by id, and what went wrong with the dead ones.

        Raises FencedError, with none ended, when one of them is no longer this holder's.
        """
        self.lane.check()
        now = self.ledger.clock.now()
        with self.ledger.session() as session:
            mine = session.scalars(
                select(WebhookEvent)
                .where(WebhookEvent.id.in_(states), WebhookEvent.claimed_by == self.holder)
                .where(WebhookEvent.state == "claimed")
                .with_for_update()
            ).all()
            if len(mine) != len(states):
                raise FencedError(f"{len(states) - len(mine)} events of {self.batch.scope} were taken over by another")
            for event in mine:
                event.state, event.error, event.done_at = states[event.id], errors.get(event.id), now

    @property
    def _waiting(self) -> Select[int]:
        here = (WebhookEvent.store_hash == self.batch.store_hash, WebhookEvent.state == "waiting")
        return select(WebhookEvent.id).where(*here).order_by(WebhookEvent.id)

    @property
    def _suspects(self) -> Select[str]:
        here = (WebhookEvent.store_hash == self.batch.store_hash, WebhookEvent.state == "waiting")
        return select(WebhookEvent.key).where(*here, WebhookEvent.attempts >= ALONE_AFTER)

    def _claim(self, ids: Select[int]) -> Sequence[WebhookEvent]:
        self.lane.check()
        values = {
            "state": "claimed",
            "claimed_by": self.holder,
            "batch_id": self.batch.id,
            "attempts": WebhookEvent.attempts + 1,
        }
        chosen = WebhookEvent.id.in_(ids.with_for_update(skip_locked=True))
        taken = update(WebhookEvent).where(chosen).values(values).returning(WebhookEvent)
        with self.ledger.session() as session:
            return sorted(session.scalars(taken), key=lambda event: event.id)

    def _unclaim(self, statement: TextClause) -> int:
        self.lane.check()
        with self.ledger.session() as session:
            return len(session.execute(statement, {"store": self.batch.store_hash, "holder": self.holder}).all())


@contextmanager
def listening(ledger: Ledger, store_hash: str) -> Iterator[Callable[[float], None]]:
    """Yields a wait of some seconds that ends early when an event of the store is stored.

    A hint only: without it the wait is whole.
    """
    with reachable(ledger.engine):
        raw = ledger.engine.raw_connection()
    connection = raw.driver_connection
    raw.detach()
    assert isinstance(connection, psycopg.Connection)  # noqa: S101 - the ledger's only driver
    try:
        connection.rollback()
        connection.autocommit = True
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel_of(store_hash))))

        def wait(seconds: float) -> None:
            began = time.monotonic()
            try:
                for _ in connection.notifies(timeout=seconds, stop_after=1):
                    return
            except psycopg.Error:
                time.sleep(max(0.0, seconds - (time.monotonic() - began)))

        yield wait
    finally:
        connection.close()
