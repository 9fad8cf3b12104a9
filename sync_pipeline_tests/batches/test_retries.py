"""What the ledger tries again by itself: what may pass, after a rest, as often as was allowed."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from sync_pipeline.batches.failures import INTERRUPTED, MOST_INTERRUPTIONS, Failure, describe
from sync_pipeline.batches.lanes import FencedError, LaneBusyError
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.queue import due, kept_waiting
from sync_pipeline.batches.requests import BatchRequest
from sync_pipeline.batches.retries import RESTS, retry_failed
from sync_pipeline.batches.states import IllegalTransitionError
from sync_pipeline.batches.waiting import overdue
from sync_pipeline.connectors.bigcommerce.errors import (
    BadAnswerError,
    IncompleteListingError,
    UnauthorizedError,
    UnreachableError,
)
from sync_pipeline.delivery.books import BooksError
from sync_pipeline.delivery.guard import DeleteGuardError
from sync_pipeline.pipelines.store_search.stores.stores import UnknownStoreError
from sync_pipeline_tests.clocks import ManualClock

REQUEST = BatchRequest(pipeline="store_search", scope="store:abc", type="all", max_attempts=3)


def failed(ledger: Ledger, error: BaseException, *, max_attempts: int = 3) -> SyncBatch:
    batch = ledger.request(replace(REQUEST, max_attempts=max_attempts))
    claimed = ledger.claim(batch.id, run_id=f"run-{batch.id}", planned=[])
    return ledger.fail(claimed, **asdict(describe(error)))


@pytest.mark.parametrize(
    "error",
    [
        UnreachableError("abc", "x"),
        IncompleteListingError("abc", "x"),
        FencedError("x"),
        LaneBusyError("x"),
        KeyError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_failure_that_may_pass_is_retried_after_a_rest(ledger: Ledger, clock: ManualClock, error: Exception):
    batch = failed(ledger, error)
    clock.advance(29)
    assert retry_failed(ledger) == []
    clock.advance(1)
    [again] = retry_failed(ledger)
    assert (again.id, again.status, again.attempt) == (batch.id, "pending", 2)
    assert retry_failed(ledger) == []


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        UnauthorizedError("abc", "x"),
        DeleteGuardError("x"),
        BooksError("x"),
        UnknownStoreError("x"),
        BadAnswerError("abc", "x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_failure_that_needs_a_person_is_not_retried(ledger: Ledger, clock: ManualClock, error: BaseException):
    failed(ledger, error)
    clock.advance(86_400)
    assert retry_failed(ledger) == []


def test_rests_grow_and_attempts_end(ledger: Ledger, clock: ManualClock):
    batch = failed(ledger, FencedError("x"))
    for attempt, rest in ((2, 30), (3, 60)):
        clock.advance(rest - 1)
        assert retry_failed(ledger) == []
        clock.advance(1)
        [again] = retry_failed(ledger)
        assert again.attempt == attempt
        claimed = ledger.claim(batch.id, run_id=f"again-{attempt}", planned=[])
        ledger.fail(claimed, **asdict(describe(FencedError("x"))))
    clock.advance(86_400)
    assert retry_failed(ledger) == []
    assert [RESTS.wait(attempt) for attempt in (1, 2, 3, 20)] == [30.0, 60.0, 120.0, 900.0]


def test_interrupted_attempt_is_taken_up_at_once_and_does_not_count(ledger: Ledger, clock: ManualClock):
    batch = ledger.request(replace(REQUEST, max_attempts=1))
    for attempt in (2, 3):
        claimed = ledger.claim(batch.id, run_id=f"run-{attempt}", planned=[])
        ledger.fail(claimed, **asdict(INTERRUPTED))
        [again] = retry_failed(ledger)
        assert (again.id, again.status, again.attempt) == (batch.id, "pending", attempt)
    ledger.fail(ledger.claim(batch.id, run_id="last", planned=[]), **asdict(describe(FencedError("x"))))
    clock.advance(86_400)
    assert retry_failed(ledger) == []


def test_batch_that_is_interrupted_again_and_again_comes_to_an_end(ledger: Ledger, clock: ManualClock):
    batch = ledger.request(replace(REQUEST, max_attempts=2))
    attempts = 0
    while ledger.get(batch.id).status == "pending":
        attempts += 1
        ledger.fail(ledger.claim(batch.id, run_id=f"run-{attempts}", planned=[]), **asdict(INTERRUPTED))
        if attempts > MOST_INTERRUPTIONS:
            assert retry_failed(ledger) == []  # it rests as others do
            clock.advance(86_400)
        retry_failed(ledger)
    assert attempts == 2 + MOST_INTERRUPTIONS


def test_retry_that_must_wait_is_looked_at_again(ledger: Ledger, clock: ManualClock):
    batch = failed(ledger, FencedError("x"))
    clock.advance(30)
    assert retry_failed(ledger, lambda _: True) == []
    assert [again.id for again in retry_failed(ledger)] == [batch.id]


def test_terminated_batch_that_was_taken_for_lost_waits_for_a_person(ledger: Ledger, clock: ManualClock):
    batch = failed(ledger, FencedError("x"))
    ledger.leave_to_person(batch)
    clock.advance(86_400)
    assert retry_failed(ledger) == []
    [attempt] = ledger.attempts(batch.id)
    assert [(one or {})["kind"] for one in (ledger.get(batch.id).error, attempt.error)] == ["cancelled"] * 2


def test_a_batch_that_was_asked_for_once_is_tried_once(ledger: Ledger, clock: ManualClock):
    failed(ledger, FencedError("x"), max_attempts=1)
    clock.advance(86_400)
    assert retry_failed(ledger) == []


@pytest.mark.parametrize("failure", [describe(FencedError("x")), INTERRUPTED], ids=["failed", "interrupted"])
def test_batch_that_rests_can_be_cancelled(ledger: Ledger, clock: ManualClock, failure: Failure):
    batch = ledger.request(REQUEST)
    ledger.fail(ledger.claim(batch.id, run_id="r", planned=[]), **asdict(failure))

    def cancels(_: SyncBatch) -> bool:  # as it is about to be tried again
        cancelled = ledger.cancel(batch.id)
        assert (cancelled.status, cancelled.attempt, (cancelled.error or {})["retry"]) == ("failed", 1, "person")
        return False

    clock.advance(30)
    assert retry_failed(ledger, cancels) == []
    clock.advance(86_400)
    assert retry_failed(ledger) == []
    [attempt] = ledger.attempts(batch.id)
    assert [(one or {})["kind"] for one in (ledger.get(batch.id).error, attempt.error)] == ["cancelled"] * 2
    with pytest.raises(IllegalTransitionError, match="nothing to cancel"):
        ledger.cancel(batch.id)
    assert ledger.retry(batch.id).attempt == 2


@pytest.mark.parametrize("over", ["completed", "failed for good"])
def test_batch_that_is_over_cannot_be_cancelled(ledger: Ledger, over: str):
    batch = ledger.claim(ledger.request(REQUEST).id, run_id="r", planned=[])
    if over == "completed":
        ledger.complete(batch)
    else:
        ledger.fail(batch, **asdict(describe(UnauthorizedError("abc", "x"))))
    with pytest.raises(IllegalTransitionError, match="nothing to cancel"):
        ledger.cancel(batch.id)


@pytest.mark.parametrize("by_itself", [True, False])
def test_waiting_counts_from_the_retry(ledger: Ledger, clock: ManualClock, by_itself: bool):
    batch = failed(ledger, FencedError("x"))
    clock.advance(3_600)
    [again] = retry_failed(ledger) if by_itself else [ledger.retry(batch.id)]
    assert [one.id for one in due(ledger)] == [again.id]
    assert not overdue(ledger, ["store_search"])
    assert not kept_waiting(ledger)
    clock.advance(121)
    assert [one.id for one in overdue(ledger, ["store_search"])] == [again.id]
    assert kept_waiting(ledger)


def test_retry_of_a_batch_that_was_to_come_later_keeps_its_time(ledger: Ledger, clock: ManualClock):
    batch = ledger.request(replace(REQUEST, delay=timedelta(minutes=2)))
    ledger.cancel(batch.id)
    assert ledger.retry(batch.id).not_before == batch.not_before
    assert due(ledger) == []
    clock.advance(120)
    assert [one.id for one in due(ledger)] == [batch.id]


@pytest.mark.parametrize("running", [False, True])
def test_a_cancelled_batch_says_so_and_frees_its_store(ledger: Ledger, running: bool):
    batch = ledger.request(REQUEST)
    if running:
        ledger.claim(batch.id, run_id="r", planned=["products"])
    cancelled = ledger.cancel(batch.id)
    assert (cancelled.status, cancelled.error and cancelled.error["kind"]) == ("failed", "cancelled")
    with pytest.raises(IllegalTransitionError, match=f"batch {batch.id} is failed: there is nothing to cancel"):
        ledger.cancel(batch.id)
