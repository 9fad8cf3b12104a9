"""Webhook events as a queue: which stores have some, who works on them, and what became of them.

A drain holds its store's `events` lane, so whatever an earlier holder had claimed is free when the next one has the
lane: the lane's lease is the claim's. What belongs here: claiming and ending. What does not: storing what came in
(webhook_events.py), and what an event means.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import select, update

from sync_pipeline.batches.database import reachable
from sync_pipeline.batches.lanes import FencedError
from sync_pipeline.batches.ledger import lane_holder
from sync_pipeline.batches.models import Store, SyncBatch, WebhookEvent
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.batches.states import Status
from sync_pipeline.batches.stores import store_scope
from sync_pipeline.batches.webhook_events import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sync_pipeline.batches.lanes import Lane
    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.models import SyncBatch as Batch

OPEN = ("waiting", "claimed")
#: After a failed drain the store's next one waits: 5 s, then twice as long each time, at most 15 minutes. One that was
#: killed is not waited for any longer than that; one that fails again and again costs less and less.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=15)
_REMEMBERED_FAILURES = 9


def stores_with_events(ledger: Ledger) -> list[str]:
    """The stores that have events and no unfinished drain, and did not just fail one."""
    unfinished = select(SyncBatch.store_hash).where(
        SyncBatch.lane == LaneName.EVENTS.value,
        SyncBatch.status.in_((Status.PENDING.value, Status.PROCESSING.value)),
    )
    waiting = (
        select(WebhookEvent.store_hash)
        .distinct()
        .join(Store, Store.hash == WebhookEvent.store_hash)
        .where(WebhookEvent.state.in_(OPEN), Store.uninstalled_at.is_(None))
        .where(WebhookEvent.store_hash.not_in(unfinished))
    )
    with ledger.session() as session:
        found = session.scalars(waiting).all()
    return sorted(store for store in found if not _pauses(ledger, store))


def _pauses(ledger: Ledger, store_hash: str) -> bool:
    newest = (
        select(SyncBatch.status, SyncBatch.finished_at)
        .where(SyncBatch.scope == store_scope(store_hash), SyncBatch.lane == LaneName.EVENTS.value)
        .order_by(SyncBatch.id.desc())
        .limit(_REMEMBERED_FAILURES)
    )
    with ledger.session() as session:
        ended = session.execute(newest).all()
    failures = next((n for n, (status, _) in enumerate(ended) if status != Status.FAILED), len(ended))
    if not failures or ended[0].finished_at is None:
        return False
    return ledger.clock.now() < ended[0].finished_at + min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)


def worked_since(ledger: Ledger, store_hash: str, moment: datetime) -> bool:
    """Whether a drain of the store was at work after ``moment``."""
    later = select(SyncBatch.id).where(
        SyncBatch.scope == store_scope(store_hash),
        SyncBatch.lane == LaneName.EVENTS.value,
        SyncBatch.heartbeat_at >= moment,
    )
    with ledger.session() as session:
        return session.scalar(later.limit(1)) is not None


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

    def free(self) -> int:
        """Makes events wait again that were claimed and did not end, by whichever holder of the lane; how many."""
        self.lane.check()
        claimed = (WebhookEvent.store_hash == self.batch.store_hash, WebhookEvent.state == "claimed")
        with self.ledger.session() as session:
            ids = session.scalars(select(WebhookEvent.id).where(*claimed).with_for_update()).all()
            # Another event of the same hash may wait by now: then this one has nothing to add to it.
            for number in ids:
                self._free(session, number)
        return len(ids)

    @staticmethod
    def _free(session, number: int) -> None:
        event = session.get(WebhookEvent, number)
        twin = session.scalar(
            select(WebhookEvent).where(
                WebhookEvent.store_hash == event.store_hash,
                WebhookEvent.hash == event.hash,
                WebhookEvent.state == "waiting",
            )
        )
        if twin is not None:
            twin.received += event.received
            twin.attempts = max(twin.attempts, event.attempts)
            session.delete(event)
        else:
            event.state, event.claimed_by = "waiting", None
        session.flush()

    def take(self, limit: int) -> Sequence[WebhookEvent]:
        """Claims the oldest waiting events, at most ``limit``."""
        self.lane.check()
        oldest = (
            select(WebhookEvent.id)
            .where(WebhookEvent.store_hash == self.batch.store_hash, WebhookEvent.state == "waiting")
            .order_by(WebhookEvent.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        values = {
            "state": "claimed",
            "claimed_by": self.holder,
            "batch_id": self.batch.id,
            "attempts": WebhookEvent.attempts + 1,
        }
        taken = update(WebhookEvent).where(WebhookEvent.id.in_(oldest)).values(values).returning(WebhookEvent)
        with self.ledger.session() as session:
            return sorted(session.scalars(taken), key=lambda event: event.id)

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


@contextmanager
def listening(ledger: Ledger) -> Iterator[Callable[[float], None]]:
    """A wait of some seconds that ends early when an event is stored. A hint only: without it the wait is whole."""
    with reachable(ledger.engine):
        raw = ledger.engine.raw_connection()
    connection = raw.driver_connection
    raw.detach()
    assert isinstance(connection, psycopg.Connection)  # noqa: S101 - the ledger's only driver
    try:
        connection.rollback()
        connection.autocommit = True
        connection.execute(f"LISTEN {CHANNEL}")

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
