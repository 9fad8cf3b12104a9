"""`batch_part`: who claims, who closes, and what a killed or failing part leaves behind."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sync_pipeline.batches.database import LedgerUnavailableError
from sync_pipeline.batches.lanes import FencedError, Lane, LaneBusyError, acquire
from sync_pipeline.batches.ledger import BatchLostError, BatchNotPendingError, Ledger
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.parts import Run, batch_part
from sync_pipeline.batches.queue import reap
from sync_pipeline.batches.records import BatchNotFoundError
from sync_pipeline.batches.requests import BatchRequest, LaneName
from sync_pipeline.errors import ServiceUnavailableError
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.clocks import ManualClock

REQUEST = BatchRequest(pipeline="store_search", scope="store:abc", type="all")


def a_run(*planned: str, run_id: str = "run-1", batch_id: int | None = None) -> Run:
    return Run(run_id, planned, replace(REQUEST, reserved_for=run_id) if batch_id is None else batch_id)


@pytest.mark.invariant("3.6")
def test_the_first_part_claims_and_the_last_planned_one_completes(ledger: Ledger):
    batch = ledger.request(REQUEST)
    run = a_run("stop_words", "products", batch_id=batch.id)
    with batch_part(ledger, run) as part:
        assert ledger.get(batch.id).status == "processing"
        part.record("stop_words", {"words": 3})
    assert ledger.get(batch.id).status == "processing"
    with batch_part(ledger, run) as part:
        part.record("products", {"read": 1})
    assert ledger.get(batch.id).status == "completed"
    assert acquire(ledger, "store:abc", LaneName.BULK, "next").token == 2


def test_parts_that_end_at_once_complete_the_batch_whichever_answer_comes_first(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    batch = ledger.request(REQUEST)
    record, second_has_its_answer, first_was_written = Ledger.record_part, threading.Event(), threading.Event()

    def answer_late(ledger: Ledger, batch: SyncBatch, part: str, counts: dict[str, Any]) -> SyncBatch:
        row = record(ledger, batch, part, counts)
        if part == "first":
            first_was_written.set()
            assert second_has_its_answer.wait(60)
        return row

    monkeypatch.setattr(Ledger, "record_part", answer_late)
    with (
        batch_part(ledger, a_run("first", "second", batch_id=batch.id)) as part,
        ThreadPoolExecutor(1) as threads,
    ):
        first = threads.submit(part.record, "first", {})
        assert first_was_written.wait(60)
        part.record("second", {})
        second_has_its_answer.set()
        first.result(60)
    assert ledger.get(batch.id).status == "completed"


def test_a_run_started_by_hand_makes_its_own_batch_once(ledger: Ledger):
    run = a_run("a", "b")
    for name in run.planned:
        with batch_part(ledger, run) as part:
            part.record(name, {})
    [batch] = ledger.list()
    assert (batch.trigger, batch.status, batch.dagster_run_id) == ("manual", "completed", "run-1")


@pytest.mark.invariant("3.6")
def test_a_failing_part_closes_the_batch_and_the_others_are_not_run(ledger: Ledger):
    run = a_run("a", "b")
    with pytest.raises(ServiceUnavailableError), batch_part(ledger, run):
        raise ServiceUnavailableError("the search cluster is away")
    [batch] = ledger.list()
    assert batch.status == "failed"
    assert batch.error is not None
    assert (batch.error["kind"], batch.error["message"]) == ("unavailable", "the search cluster is away")
    with pytest.raises(BatchNotPendingError, match="already failed"), batch_part(ledger, run):
        pytest.fail("a part of a failed batch was run")
    acquire(ledger, "store:abc", LaneName.BULK, "next")


def test_a_terminated_run_ends_as_cancelled(ledger: Ledger):
    with pytest.raises(KeyboardInterrupt), batch_part(ledger, a_run("a")):
        raise KeyboardInterrupt
    [batch] = ledger.list()
    assert (batch.status, batch.error and batch.error["kind"]) == ("failed", "cancelled")


@pytest.mark.invariant("1.2")
def test_second_process_of_a_run_does_nothing(ledger: Ledger):
    with batch_part(ledger, a_run("a")) as part:
        with ledger.session() as session:
            session.get_one(SyncBatch, part.batch.id).executor = "here 4711 the-first-process"
        with pytest.raises(BatchNotPendingError, match="another process"), batch_part(ledger, a_run("a")):
            pytest.fail("ran beside the first process")
        assert ledger.get(part.batch.id).status == "processing"
        part.record("a", {})
    assert ledger.get(part.batch.id).status == "completed"


def test_unknown_and_finished_batches_fail_at_once(ledger: Ledger):
    with pytest.raises(BatchNotFoundError), batch_part(ledger, a_run("a", batch_id=4711)):
        pytest.fail("ran without a batch")
    done = ledger.request(REQUEST)
    ledger.complete(ledger.claim(done.id, run_id="before", planned=[]))
    with pytest.raises(BatchNotPendingError, match="is completed"), batch_part(ledger, a_run("a", batch_id=done.id)):
        pytest.fail("ran a finished batch")
    assert ledger.get(done.id).dagster_run_id == "before"


def test_a_busy_lane_is_waited_for_up_to_a_bound(ledger: Ledger, clock: ManualClock):
    acquire(ledger, "store:abc", LaneName.BULK, "another")

    def pause(seconds: float) -> None:
        clock.pause(seconds)
        acquire(ledger, "store:abc", LaneName.BULK, "another")  # the holder lives: it renews

    with (
        pytest.raises(LaneBusyError),
        batch_part(ledger, a_run("a"), lane_wait=timedelta(seconds=9), pause=pause),
    ):
        pytest.fail("ran beside the holder")
    assert sum(clock.slept) == 9
    assert ledger.list()[0].status == "failed"


@pytest.mark.invariant("1.4")
def test_lane_is_renewed_while_somebody_holds_the_batch_locked(ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    renewed = threading.Event()

    def locked(*_: Any) -> None:
        raise LedgerUnavailableError("canceling statement due to lock timeout")

    def renew(lane: Lane) -> None:
        renewed.set()

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "heartbeat", locked)
        patch.setattr(Lane, "renew", renew)
        with batch_part(ledger, a_run("products")) as part:
            part.record("products", {})
    assert renewed.is_set()
    assert ledger.get(part.batch.id).status == "completed"


@pytest.mark.invariant("1.4", "8.1")
def test_after_a_holder_died_silently_the_next_run_gets_the_lane(ledger: Ledger, clock: ManualClock):
    killed = ledger.claim(ledger.request(REQUEST).id, run_id="killed", planned=["a"])
    acquire(ledger, "store:abc", LaneName.BULK, f"batch:{killed.id}:1")

    def pause(seconds: float) -> None:
        clock.pause(seconds)
        pass_time(ledger, seconds)

    with batch_part(ledger, a_run("a"), pause=pause) as part:
        part.record("a", {})
    assert sum(clock.slept) <= 31
    assert ledger.get(part.batch.id).status == "completed"
    pass_time(ledger, 1)
    assert [batch.id for batch in reap(ledger)] == [killed.id]


def test_part_without_a_lane_works_beside_the_holder(ledger: Ledger):
    holder = acquire(ledger, "store:abc", LaneName.BULK, "another")
    run = replace(a_run("verify"), batch=replace(REQUEST, lane=None, reserved_for="run-1"))
    with batch_part(ledger, run) as part:
        part.progress["verify"] = lambda: {"read": 3}
        part.lane.check()
        part.record("verify", {"read": 7})
        beaten = part.batch.heartbeat_at
    holder.check()
    done = ledger.get(part.batch.id)
    assert (done.status, done.lane, done.progress) == ("completed", None, {"verify": {"read": 3}})
    assert beaten is not None and done.heartbeat_at is not None and done.heartbeat_at > beaten


def test_part_without_a_lane_records_nothing_once_its_batch_is_over(ledger: Ledger):
    run = replace(a_run("verify"), batch=replace(REQUEST, lane=None, reserved_for="run-1"))
    with pytest.raises(BatchLostError), batch_part(ledger, run) as part:
        ledger.cancel(part.batch.id)
        part.record("verify", {"read": 7})
    assert ledger.get(part.batch.id).error["kind"] == "cancelled"


@pytest.mark.invariant("8.4")
def test_a_part_that_lost_its_lane_records_nothing(ledger: Ledger):
    with pytest.raises(FencedError), batch_part(ledger, a_run("a")) as part:
        pass_time(ledger, 31)
        acquire(ledger, "store:abc", LaneName.BULK, "heir")
        part.record("a", {"read": 1})
    assert ledger.get(part.batch.id).counts == {}
