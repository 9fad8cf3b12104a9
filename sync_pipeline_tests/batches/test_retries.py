"""What the ledger tries again by itself: what may pass, after a rest, as often as was allowed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.requests import BatchRequest
from sync_pipeline.batches.retries import retry_failed, wait_after
from sync_pipeline.batches.states import IllegalTransitionError
from sync_pipeline_tests.clocks import ManualClock

REQUEST = BatchRequest(pipeline="store_search", scope="store:abc", store_hash="abc", type="all", max_attempts=3)


def failed(ledger: Ledger, kind: str, exit_status: int = 1, *, max_attempts: int = 3) -> SyncBatch:
    batch = ledger.request(replace(REQUEST, max_attempts=max_attempts))
    return ledger.fail(
        ledger.claim(batch.id, run_id=f"run-{batch.id}", planned=[]), kind=kind, message="x", exit_status=exit_status
    )


@pytest.mark.parametrize(
    ("kind", "exit_status"),
    [("unreachable", 3), ("lost", 1), ("fenced", 1), ("lane_busy", 1), ("internal", 1)],
)
def test_what_may_pass_is_tried_again_after_a_rest(ledger: Ledger, clock: ManualClock, kind: str, exit_status: int):
    batch = failed(ledger, kind, exit_status)
    clock.advance(29)
    assert retry_failed(ledger) == []
    clock.advance(1)
    [again] = retry_failed(ledger)
    assert (again.id, again.status, again.attempt) == (batch.id, "pending", 2)
    assert retry_failed(ledger) == []


@pytest.mark.parametrize(
    ("kind", "exit_status"),
    [("cancelled", 1), ("unauthorized", 3), ("delete_guard", 1), ("books", 1), ("unknown_store", 2), ("bad_answer", 1)],
)
def test_what_needs_a_person_is_not(ledger: Ledger, clock: ManualClock, kind: str, exit_status: int):
    failed(ledger, kind, exit_status)
    clock.advance(86_400)
    assert retry_failed(ledger) == []


def test_rests_grow_and_attempts_end(ledger: Ledger, clock: ManualClock):
    batch = failed(ledger, "lost")
    for attempt, rest in ((2, 30), (3, 60)):
        clock.advance(rest - 1)
        assert retry_failed(ledger) == []
        clock.advance(1)
        [again] = retry_failed(ledger)
        assert again.attempt == attempt
        ledger.fail(ledger.claim(batch.id, run_id=f"again-{attempt}", planned=[]), kind="lost", message="x")
    clock.advance(86_400)
    assert retry_failed(ledger) == []
    assert [wait_after(attempt) for attempt in (1, 2, 3, 20)] == [
        timedelta(seconds=30),
        timedelta(seconds=60),
        timedelta(seconds=120),
        timedelta(minutes=15),
    ]


def test_a_batch_that_was_asked_for_once_is_tried_once(ledger: Ledger, clock: ManualClock):
    failed(ledger, "lost", max_attempts=1)
    clock.advance(86_400)
    assert retry_failed(ledger) == []


@pytest.mark.parametrize("running", [False, True])
def test_a_cancelled_batch_says_so_and_frees_its_store(ledger: Ledger, running: bool):
    batch = ledger.request(REQUEST)
    if running:
        ledger.claim(batch.id, run_id="r", planned=["products"])
    cancelled = ledger.cancel(batch.id)
    assert (cancelled.status, cancelled.error and cancelled.error["kind"]) == ("failed", "cancelled")
    with pytest.raises(IllegalTransitionError, match=f"batch {batch.id} is failed: there is nothing to cancel"):
        ledger.cancel(batch.id)
