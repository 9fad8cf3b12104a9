"""What the ledger forgets and what it keeps, by the clock; and the figures of what it remembers."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from sync_pipeline.batches.failures import CANCELLED, INTERRUPTED
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.maintenance import NEWEST_KEPT, TOMBSTONES_KEPT, forget_old
from sync_pipeline.batches.models import BatchAttempt, DeadLetter, SyncBatch, Tombstone
from sync_pipeline.batches.requests import BatchRequest
from sync_pipeline.batches.statistics import statistics
from sync_pipeline.delivery import tombstones
from sync_pipeline.pipelines.store_search.events.models import WebhookEvent
from sync_pipeline.pipelines.store_search.stores.models import Store
from sync_pipeline.pipelines.store_search.tidy import delete_old_events
from sync_pipeline_tests.clocks import ManualClock

REQUEST = BatchRequest(pipeline="store_search", scope="store:abc", type="all")


def ended(ledger: Ledger, request: BatchRequest = REQUEST, *, fails: bool = False) -> SyncBatch:
    batch = ledger.request(request)
    claimed = ledger.claim(batch.id, run_id=f"run-{batch.id}", planned=[])
    return ledger.fail(claimed, kind="x", message="y") if fails else ledger.complete(claimed)


def test_old_batches_go_except_the_newest_of_each_scope_and_what_is_not_over(ledger: Ledger, clock: ManualClock):
    waiting = ledger.request(REQUEST)
    old = [ended(ledger).id for _ in range(5)]
    other = ended(ledger, replace(REQUEST, scope="store:other")).id
    clock.advance(timedelta(days=91).total_seconds())
    for _ in range(NEWEST_KEPT - 2):
        ended(ledger)
    assert forget_old(ledger)["sync_batches"] == 3
    kept = {batch.id for batch in ledger.list(limit=1000)}
    assert kept >= {waiting.id, other, *old[3:]}
    assert not kept & set(old[:3])
    with ledger.session() as session:
        assert session.scalar(select(func.count()).select_from(BatchAttempt)) == NEWEST_KEPT + 1
    assert sum(forget_old(ledger).values()) == 0


def test_a_day_less_is_kept(ledger: Ledger, clock: ManualClock):
    for _ in range(NEWEST_KEPT + 1):
        ended(ledger)
    clock.advance(timedelta(days=89).total_seconds())
    assert forget_old(ledger)["sync_batches"] == 0


@pytest.mark.parametrize(
    ("state", "days", "gone"),
    [("done", 8, 1), ("coalesced", 8, 1), ("dead", 8, 1), ("done", 6, 0), ("waiting", 400, 0), ("claimed", 400, 0)],
)
def test_events_go_a_week_after_they_were_dealt_with(
    ledger: Ledger, clock: ManualClock, state: str, days: int, gone: int
):
    now = clock.now()
    with ledger.session() as session:
        session.add(Store(hash="abc", name="A", token="x", created_at=now, updated_at=now))
        session.flush()
        over = None if state in {"waiting", "claimed"} else now
        event = {"scope": "store:abc", "key": "product-1", "hash": "h", "payload": "{}", "received_at": now}
        session.add(WebhookEvent(store_hash="abc", state=state, done_at=over, **event))
    clock.advance(timedelta(days=days).total_seconds())
    assert delete_old_events(ledger) == gone


def test_dead_letters_go_when_they_ended_long_ago_and_tombstones_when_no_write_can_be_under_way(
    ledger: Ledger, clock: ManualClock
):
    now = clock.now()
    letter = {"pipeline": "p", "scope": "s", "version": 1, "reason": "r", "first_error": "e", "last_error": "e"}
    with ledger.session() as session:
        for state in ("open", "discarded", "replayed", "superseded"):
            session.add(DeadLetter(key=state, state=state, payload=b"", created_at=now, updated_at=now, **letter))
        session.add(Tombstone(scope="s", key="k", version=1, batch_id=1, deleted_at=now))
    clock.advance(timedelta(days=31).total_seconds())
    counts = forget_old(ledger)
    assert (counts["dead_letters"], counts["tombstones"]) == (0, 1)
    clock.advance(timedelta(days=60).total_seconds())
    assert forget_old(ledger)["dead_letters"] == 3
    with ledger.session() as session:
        assert session.scalars(select(DeadLetter.state)).all() == ["open"]


def test_both_who_forget_tombstones_keep_them_as_long():
    assert tombstones.KEPT == TOMBSTONES_KEPT


def test_the_figures_are_of_the_last_seven_days_and_of_what_is_not_over(ledger: Ledger, clock: ManualClock):
    empty = statistics(ledger)
    assert (empty.success_share, empty.median_seconds, empty.failures) == (None, None, {})
    ledger.request(REQUEST)
    ended(ledger, fails=True)
    clock.advance(timedelta(days=8).total_seconds())
    for seconds in (10, 20, 90):
        batch = ledger.request(REQUEST)
        clock.advance(seconds)
        ledger.complete(ledger.claim(batch.id, run_id=f"run-{batch.id}", planned=[]))
    ended(ledger, replace(REQUEST, scope="store:xyz"), fails=True)
    for failure in (CANCELLED, INTERRUPTED):
        ledger.fail(ledger.request(replace(REQUEST, scope="store:stopped")), **asdict(failure))
    ended(ledger, replace(REQUEST, scope="store:tried", dry_run=True), fails=True)
    found = statistics(ledger)
    assert found.by_status == {
        "pending": 1,
        "processing": 0,
        "completed": 3,
        "failed": 1,
        "cancelled": 1,
        "interrupted": 1,
    }
    assert (found.success_share, found.median_seconds, found.failures) == (0.75, 20.0, {"xyz": 1})
