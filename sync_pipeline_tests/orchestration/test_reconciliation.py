"""Batches and runs agree: a real instance and a real ledger, whose halves end in every order."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

import dagster as dg
import pytest
from structlog.testing import capture_logs

from sync_pipeline.batches.database import Patience, make_engine
from sync_pipeline.batches.executors import Executor
from sync_pipeline.batches.failures import INTERRUPTED, lost
from sync_pipeline.batches.lanes import acquire
from sync_pipeline.batches.ledger import Ledger, lane_holder
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.queue import with_runs
from sync_pipeline.batches.requests import BatchRequest, LaneName
from sync_pipeline.batches.retries import retry_failed, run_again
from sync_pipeline.local.processes import ProcessId, start_time
from sync_pipeline.orchestration.reconciliation import Reconciliation
from sync_pipeline.orchestration.shutdown import end_unclaimed, interrupt_runs
from sync_pipeline.orchestration.tags import (
    ATTEMPT_TAG,
    BATCH_TAG,
    PARENT_TAG,
    REQUESTED_TAG,
    ended_tags,
    run_key,
    run_tags,
    why_ended,
)
from sync_pipeline_tests.backups import Backup
from sync_pipeline_tests.clocks import ManualClock
from sync_pipeline_tests.dagster_internals import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from sync_pipeline_tests.orchestration.idle import idle

REQUEST = BatchRequest(pipeline="store_search", scope="store:abc", type="all", max_attempts=3)
Happened = dg.DagsterEventType
#: What a run has that Dagster launches: there is no public way to make one without a code server.
ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("sync_pipeline"), "__repository__"), idle.name
)


@dataclass
class Halves:
    """A ledger and an instance, and what happens in either."""

    ledger: Ledger
    instance: dg.DagsterInstance
    #: Whether Dagster launches the runs; else a command executes them.
    launched: bool = True

    @property
    def both(self) -> Reconciliation:
        return Reconciliation(self.ledger, self.instance, ["store_search"], "sync_pipeline")

    def run_of(
        self, batch: SyncBatch, *events: dg.DagsterEventType, ago: float = 0.0, tags: Mapping[str, str] | None = None
    ) -> str:
        """A run of the batch's present attempt to which these things happened, ``ago`` seconds before now."""
        run = self.instance.create_run_for_job(
            idle, tags={**run_tags(batch), **(tags or {})}, remote_job_origin=ORIGIN if self.launched else None
        )
        self.happens(run.run_id, *events, ago=ago)
        return run.run_id

    def happens(self, run_id: str, *events: dg.DagsterEventType, ago: float = 0.0) -> None:
        for event in events:
            self.instance.report_dagster_event(
                dg.DagsterEvent(event.value, job_name=idle.name), run_id, timestamp=time.time() - ago
            )

    def claimed(self, *events: dg.DagsterEventType, ago: float = 0.0) -> tuple[SyncBatch, str]:
        """A batch and the run that works on it, to which these things happened."""
        batch = self.ledger.request(REQUEST)
        run_id = self.run_of(batch, Happened.RUN_START)
        batch = self.ledger.claim(batch.id, run_id=run_id, planned=["a"], attempt=batch.attempt)
        self.happens(run_id, *events, ago=ago)
        return batch, run_id

    def error(self, batch: SyncBatch) -> tuple[str, str] | None:
        """The kind of the batch's failure, and who tries it again."""
        error = self.ledger.get(batch.id).error
        return None if error is None else (error["kind"], error["retry"])

    def status(self, run_id: str) -> str:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status.value


@pytest.fixture
def halves(ledger: Ledger) -> Iterator[Halves]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Halves(ledger, instance)


@pytest.fixture
def halves_of_home(ledger: Ledger) -> Iterator[Halves]:
    """The same with the instance that DAGSTER_HOME names."""
    with dg.instance_for_test() as instance:
        yield Halves(ledger, instance)


@pytest.fixture
def hasty(ledger: Ledger) -> Iterator[Ledger]:
    """The same ledger for one who does not wait for a locked row."""
    engine = make_engine(ledger.engine.url.render_as_string(hide_password=False), patience=Patience(lock=0.2))
    yield replace(ledger, engine=engine)
    engine.dispose()


TERMINATED = {
    "in the queue": (Happened.RUN_ENQUEUED, Happened.RUN_CANCELED),
    "starting, by force": (Happened.RUN_ENQUEUED, Happened.RUN_STARTING, Happened.RUN_CANCELED),
    "before its first step": (Happened.RUN_START, Happened.RUN_CANCELING, Happened.RUN_CANCELED),
}


@pytest.mark.invariant("1.6")
@pytest.mark.parametrize("events", TERMINATED.values(), ids=TERMINATED.keys())
def test_terminated_run_that_claimed_nothing_cancels_its_batch(halves: Halves, clock: ManualClock, events):
    batch = halves.ledger.request(REQUEST)
    halves.run_of(batch, *events)
    assert [closed.id for closed in halves.both.close_batches()] == [batch.id]
    assert halves.error(batch) == ("cancelled", "person")
    clock.advance(86_400)
    assert retry_failed(halves.ledger, halves.both.must_wait) == []


@pytest.mark.invariant("1.6")
def test_terminated_run_of_a_retry_cancels_the_batch(halves: Halves, clock: ManualClock):
    first, _ = halves.claimed(Happened.RUN_FAILURE)
    halves.ledger.fail(first, **asdict(lost(first.id, "silent")))
    clock.advance(30)
    [again] = retry_failed(halves.ledger, halves.both.must_wait)
    halves.run_of(again, Happened.RUN_ENQUEUED, Happened.RUN_CANCELED)
    assert [closed.attempt for closed in halves.both.close_batches()] == [2]
    assert halves.error(first) == ("cancelled", "person")


@pytest.mark.invariant("1.6")
def test_run_marked_by_force_while_its_process_lives_cancels_its_batch(halves: Halves):
    batch, _ = halves.claimed(Happened.RUN_CANCELED)
    lane = acquire(halves.ledger, batch.scope, LaneName.BULK, lane_holder(batch))
    halves.ledger.heartbeat(batch)
    assert [closed.id for closed in halves.both.close_batches()] == [batch.id]
    assert halves.error(batch) == ("cancelled", "person")
    assert acquire(halves.ledger, batch.scope, LaneName.BULK, "next").token == lane.token + 1


@pytest.mark.invariant("1.6")
def test_terminated_run_that_is_blocked_in_a_call_gets_ten_seconds(halves: Halves):
    batch, _ = halves.claimed(Happened.RUN_CANCELING, ago=5)
    assert halves.both.close_batches() == []
    blocked, run_id = halves.claimed(Happened.RUN_CANCELING, ago=31)
    assert [closed.id for closed in halves.both.close_batches()] == [blocked.id]
    assert (halves.error(blocked), halves.error(batch)) == (("cancelled", "person"), None)
    assert halves.both.end_runs() == [run_id]
    assert halves.status(run_id) == "CANCELED"


@pytest.mark.invariant("1.6")
def test_terminated_run_that_was_taken_for_lost_is_not_tried_again(halves: Halves, clock: ManualClock):
    batch, run_id = halves.claimed(Happened.RUN_CANCELING)
    halves.ledger.fail(batch, **asdict(lost(batch.id, "its run gave no sign of life for 30 s")))
    clock.advance(30)
    assert retry_failed(halves.ledger, halves.both.must_wait) == []
    halves.happens(run_id, Happened.RUN_CANCELED)
    assert retry_failed(halves.ledger, halves.both.must_wait) == []
    assert halves.error(batch) == ("cancelled", "person")


@pytest.mark.invariant("1.4")
def test_dead_run_closes_its_batch_as_lost_and_frees_its_lane(halves: Halves, clock: ManualClock):
    batch, _ = halves.claimed(Happened.RUN_FAILURE)
    acquire(halves.ledger, batch.scope, LaneName.BULK, lane_holder(batch))
    [closed] = halves.both.close_batches()
    assert (closed.id, closed.status, halves.error(batch)) == (batch.id, "failed", ("lost", "later"))
    acquire(halves.ledger, batch.scope, LaneName.BULK, "next")
    assert halves.both.close_batches() == []
    clock.advance(30)
    assert [again.id for again in retry_failed(halves.ledger, halves.both.must_wait)] == [batch.id]


@pytest.mark.invariant("1.4", "1.6")
def test_run_that_died_before_its_first_step_leaves_no_batch_pending(halves: Halves):
    batch = halves.ledger.request(REQUEST)
    halves.run_of(batch, Happened.RUN_START, Happened.RUN_FAILURE)
    assert [closed.id for closed in halves.both.close_batches()] == [batch.id]
    silent = halves.ledger.request(replace(REQUEST, scope="store:other"))
    run_id = halves.run_of(silent, Happened.RUN_START, ago=181)
    assert halves.both.close_batches() == []
    assert halves.both.end_runs() == [run_id]
    assert (halves.error(silent), halves.status(run_id)) == (("lost", "later"), "CANCELED")


def test_end_of_an_earlier_attempt_does_not_close_the_next(halves: Halves):
    batch, run_id = halves.claimed()
    halves.ledger.fail(batch, kind="x", message="y")
    halves.ledger.retry(batch.id)
    halves.happens(run_id, Happened.RUN_FAILURE)
    assert halves.both.close_batches() == []
    assert halves.ledger.get(batch.id).status == "pending"


@pytest.mark.invariant("1.6", "1.7")
def test_batch_is_not_started_again_while_an_earlier_run_may_work(halves: Halves, clock: ManualClock):
    batch, run_id = halves.claimed()
    halves.ledger.fail(batch, **asdict(lost(batch.id, "silent")))
    clock.advance(30)
    assert retry_failed(halves.ledger, halves.both.must_wait) == []
    again = halves.ledger.retry(batch.id)  # a person does not wait
    assert halves.both.startable([again]) == []
    assert halves.both.end_runs() == [run_id]
    assert halves.both.startable([again]) == [again]
    run = halves.instance.get_run_by_id(run_id)
    assert run is not None
    assert (run.status.value, why_ended(run)) == ("CANCELED", "lost")


@pytest.mark.invariant("1.7")
def test_batch_whose_run_waits_is_not_asked_for_twice(halves: Halves):
    batch = halves.ledger.request(REQUEST)
    assert halves.both.startable([batch]) == [batch]
    run_id = halves.run_of(batch)  # made by a daemon that died before it queued it
    assert halves.both.startable([batch]) == [batch]
    halves.happens(run_id, Happened.RUN_ENQUEUED)
    assert halves.both.startable([batch]) == []
    halves.instance.delete_run(run_id)
    assert halves.both.startable([batch]) == [batch]


@pytest.mark.invariant("1.7")
def test_second_run_of_an_attempt_that_works_leaves_the_queue(halves: Halves):
    batch, working = halves.claimed()
    second = halves.run_of(batch, Happened.RUN_ENQUEUED)
    assert halves.both.end_runs() == [second]
    assert (halves.status(second), halves.status(working)) == ("CANCELED", "STARTED")
    assert halves.both.close_batches() == []


@pytest.mark.invariant("6.6")
def test_locked_rows_stop_no_other_and_are_not_waited_for(halves: Halves, hasty: Ledger, clock: ManualClock):
    terminated, _ = halves.claimed(Happened.RUN_CANCELED)
    halves.ledger.fail(terminated, **asdict(lost(terminated.id, "silent")))
    *held, free = [halves.claimed(Happened.RUN_FAILURE)[0] for _ in range(4)]
    died = halves.ledger.request(REQUEST)
    halves.run_of(died, Happened.RUN_START, ago=181)
    clock.advance(30)
    both = replace(halves.both, ledger=hasty)
    with halves.ledger.session() as session, capture_logs() as lines:
        for batch in (terminated, died, *held):
            session.get(SyncBatch, batch.id, with_for_update=True)
        assert [closed.id for closed in both.close_batches()] == [free.id]
        assert both.end_runs() == []
        assert retry_failed(hasty, both.must_wait) == []
    assert lines == []  # a row that was waited for in vain is told of
    assert [closed.id for closed in both.close_batches()] == [batch.id for batch in held]
    assert retry_failed(hasty, both.must_wait) == []
    assert halves.error(terminated) == ("cancelled", "person")


def test_backlog_hides_no_batch_that_a_run_holds(halves: Halves):
    for number in range(3):
        halves.ledger.request(replace(REQUEST, scope=f"store:{number}"))
    working, _ = halves.claimed()
    reserved = halves.ledger.request(replace(REQUEST, scope="store:reserved", reserved_for="a run"))
    found = with_runs(halves.ledger, ["store_search"], limit=2)
    assert [batch.id for batch in found] == [working.id, reserved.id]


@pytest.mark.invariant("1.5")
def test_shutdown_leaves_a_batch_whose_number_another_had(halves_of_home: Halves):
    batch = halves_of_home.ledger.request(REQUEST)
    halves_of_home.run_of(batch, Happened.RUN_ENQUEUED, tags={REQUESTED_TAG: "before the restore"})
    stop = threading.Event()
    stop.set()
    assert len(interrupt_runs(halves_of_home.ledger, "sync_pipeline", stop)) == 1
    assert halves_of_home.ledger.get(batch.id).status == "pending"


@pytest.mark.invariant("1.6")
def test_run_that_died_while_it_started_is_ended_by_the_next_start(halves_of_home: Halves):
    starting, queued = (
        halves_of_home.ledger.request(REQUEST),
        halves_of_home.ledger.request(replace(REQUEST, scope="store:b")),
    )
    died = halves_of_home.run_of(starting, Happened.RUN_ENQUEUED, Happened.RUN_STARTING)
    waits = halves_of_home.run_of(queued, Happened.RUN_ENQUEUED)
    _, works = halves_of_home.claimed()
    assert end_unclaimed(halves_of_home.ledger, "sync_pipeline") == [died]
    assert [halves_of_home.status(one) for one in (died, waits, works)] == ["CANCELED", "QUEUED", "STARTED"]
    assert halves_of_home.error(starting) == ("interrupted", "later")
    assert [again.id for again in retry_failed(halves_of_home.ledger, halves_of_home.both.must_wait)] == [starting.id]


def test_run_that_worked_too_long_and_ended_between_two_steps_is_lost(ledger: Ledger):
    with dg.instance_for_test(overrides={"run_monitoring": {"enabled": True, "max_runtime_seconds": 60}}) as instance:
        halves = Halves(ledger, instance)
        batch = ledger.request(REQUEST)
        run_id = halves.run_of(batch, Happened.RUN_START, ago=61)
        ledger.claim(batch.id, run_id=run_id, planned=["a"])
        instance.add_run_tags(run_id, {"dagster/failure_reason": "UNEXPECTED_TERMINATION"})
        halves.happens(run_id, Happened.RUN_FAILURE)
        assert [closed.id for closed in halves.both.close_batches()] == [batch.id]
        assert halves.error(batch) == ("lost", "later")


def test_run_whose_resources_open_slowly_keeps_its_batch(halves: Halves):
    batch = halves.ledger.request(REQUEST)
    halves.run_of(batch, Happened.RUN_START, ago=170)
    assert (halves.both.close_batches(), halves.both.end_runs()) == ([], [])


@pytest.mark.parametrize("kind", ["lost", "refused"])
def test_re_executed_run_waits_for_its_turn_whatever_its_batch_is(halves: Halves, clock: ManualClock, kind: str):
    batch, first = halves.claimed(Happened.RUN_FAILURE)
    halves.ledger.fail(batch, **asdict(replace(lost(batch.id, "silent"), kind=kind)))
    clock.advance(61)
    run_id = halves.run_of(batch, Happened.RUN_ENQUEUED, tags={PARENT_TAG: first})
    assert halves.both.end_runs() == []
    halves.ledger.retry(batch.id)
    assert halves.both.end_runs() == []
    halves.ledger.claim(batch.id, run_id="another", planned=["a"])
    assert halves.both.end_runs() == []
    halves.ledger.complete(halves.ledger.get(batch.id))
    clock.advance(61)
    assert halves.both.end_runs() == []
    halves.happens(run_id, Happened.RUN_START, ago=181)  # its first step never came
    assert halves.both.end_runs() == [run_id]


def test_re_executed_run_is_judged_by_the_attempt_that_it_holds(halves: Halves, clock: ManualClock):
    batch, first = halves.claimed(Happened.RUN_FAILURE)
    halves.ledger.fail(batch, **asdict(lost(batch.id, "silent")))
    run_id = halves.run_of(batch, Happened.RUN_START, ago=200, tags={PARENT_TAG: first})
    again = run_again(halves.ledger, batch.id, run_id=run_id)
    assert halves.both.end_runs() == []  # its tags still name the attempt that it repeats
    halves.instance.add_run_tags(run_id, run_tags(again))
    halves.ledger.fail(again, **asdict(lost(batch.id, "silent")))
    assert halves.both.end_runs() == [run_id]


@pytest.mark.invariant("1.7")
@pytest.mark.parametrize("works", [False, True], ids=["reserved", "at work"])
def test_batch_that_is_re_executed_twice_gets_a_batch_for_each(halves: Halves, clock: ManualClock, works: bool):
    batch, first = halves.claimed(Happened.RUN_FAILURE)
    halves.ledger.fail(batch, **asdict(replace(lost(batch.id, "silent"), kind="refused")))
    runs = [halves.run_of(batch, Happened.RUN_START, ago=100, tags={PARENT_TAG: first}) for _ in range(2)]
    again = run_again(halves.ledger, batch.id, run_id=runs[0])
    if works:
        halves.ledger.claim(batch.id, run_id=runs[0], planned=["a"])
    other = run_again(halves.ledger, batch.id, run_id=runs[1])
    assert (again.id, again.attempt, other.attempt, other.trigger) == (batch.id, 2, 1, "manual")
    assert (other.id != batch.id, other.scope, other.dagster_run_id) == (True, batch.scope, runs[1])
    assert (halves.both.close_batches(), halves.both.end_runs()) == ([], [])  # the tags name the repeated one still
    for one, run_id in ((again, runs[0]), (other, runs[1])):
        halves.instance.add_run_tags(run_id, run_tags(one))
    assert (halves.both.close_batches(), halves.both.end_runs()) == ([], [])
    assert run_again(halves.ledger, other.id, run_id=runs[1]).id == other.id
    clock.advance(61)
    halves.ledger.complete(halves.ledger.claim(other.id, run_id=runs[1], planned=["a"]))
    assert (halves.both.close_batches(), halves.both.end_runs()) == ([], [])


def test_failed_batch_that_is_re_executed_twice_at_once_fails_none(ledger: Ledger):
    batch = ledger.claim(ledger.request(REQUEST).id, run_id="first", planned=["a"])
    ledger.fail(batch, kind="refused", message="x")
    with ThreadPoolExecutor(2) as pool:
        taken = list(pool.map(lambda run_id: run_again(ledger, batch.id, run_id=run_id), ("second", "third")))
    assert sorted((one.id == batch.id, one.attempt) for one in taken) == [(False, 1), (True, 2)]
    assert {one.dagster_run_id for one in taken} == {"second", "third"}


@pytest.mark.invariant("1.6")
def test_terminated_re_execution_of_an_ended_run_cancels_its_batch(halves: Halves):
    batch, first = halves.claimed(Happened.RUN_CANCELED)
    halves.ledger.fail(batch, **asdict(INTERRUPTED))
    inherited = {PARENT_TAG: first, **ended_tags(first, INTERRUPTED.kind)}
    run_id = halves.run_of(batch, Happened.RUN_START, tags=inherited)
    run_again(halves.ledger, batch.id, run_id=run_id)
    halves.happens(run_id, Happened.RUN_CANCELING, Happened.RUN_CANCELED)
    assert [closed.id for closed in halves.both.close_batches()] == [batch.id]
    assert halves.error(batch) == ("cancelled", "person")


def test_runs_that_work_or_end_by_themselves_are_left_alone(halves: Halves, clock: ManualClock):
    working, run_id = halves.claimed()
    halves.ledger.complete(working)  # its asset checks follow
    clock.advance(59)
    other = halves.instance.create_run_for_job(idle, tags={BATCH_TAG: str(working.id)})
    odd = halves.run_of(working, Happened.RUN_START, tags={ATTEMPT_TAG: "²"})
    halves.run_of(working, Happened.RUN_START, tags={BATCH_TAG: "9" * 19})  # more than the ledger can have
    assert halves.both.end_runs() == []
    clock.advance(1)
    assert halves.both.end_runs() == [run_id]
    assert (halves.status(other.run_id), halves.status(odd)) == ("NOT_STARTED", "STARTED")


@pytest.mark.invariant("1.7")
def test_frozen_process_of_a_lost_batch_is_gone_before_its_run(halves: Halves, sleeper: subprocess.Popen[bytes]):
    batch, run_id = halves.claimed()
    executed_by(halves.ledger, batch, sleeper)
    os.kill(sleeper.pid, signal.SIGSTOP)
    halves.ledger.fail(batch, **asdict(lost(batch.id, "silent")))
    assert halves.both.end_runs() == [run_id]
    assert (start_time(sleeper.pid), halves.status(run_id)) == (None, "CANCELED")


@pytest.mark.invariant("1.7")
def test_process_of_a_run_that_dagster_holds_for_failed_is_ended(halves: Halves, sleeper: subprocess.Popen[bytes]):
    batch, _ = halves.claimed(Happened.RUN_FAILURE)
    executed_by(halves.ledger, batch, sleeper)
    assert [closed.id for closed in halves.both.close_batches()] == [batch.id]
    assert (start_time(sleeper.pid), halves.error(batch)) == (None, ("lost", "later"))


def test_process_of_another_machine_or_of_a_command_is_left_alone(halves: Halves, sleeper: subprocess.Popen[bytes]):
    elsewhere, first = halves.claimed()
    executed_by(halves.ledger, elsewhere, sleeper, host="another-machine")
    commanded = replace(halves, launched=False)
    here, second = commanded.claimed()
    executed_by(halves.ledger, here, sleeper)
    for batch in (elsewhere, here):
        halves.ledger.fail(batch, **asdict(lost(batch.id, "silent")))
    assert first in halves.both.end_runs()
    assert halves.status(second) == "STARTED"
    assert sleeper.poll() is None


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that executes a run, as far as anyone can see."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def executed_by(ledger: Ledger, batch: SyncBatch, process: subprocess.Popen[bytes], host: str = "") -> None:
    """Writes the process into the batch as the one that executes it."""
    executor = Executor(host or Executor.this().host, ProcessId(process.pid, start_time(process.pid) or ""))
    with ledger.session() as session:
        session.get_one(SyncBatch, batch.id).executor = str(executor)


def test_run_that_cannot_be_ended_stops_no_other(halves: Halves, clock: ManualClock, monkeypatch: pytest.MonkeyPatch):
    first, odd = halves.claimed()
    halves.ledger.complete(first)
    second, run_id = halves.claimed()
    halves.ledger.complete(second)
    clock.advance(60)
    add = dg.DagsterInstance.add_run_tags

    def refuse(instance: dg.DagsterInstance, number: str, tags) -> None:
        if number == odd:
            raise RuntimeError("somebody's mistake")
        add(instance, number, tags)

    monkeypatch.setattr(dg.DagsterInstance, "add_run_tags", refuse)
    assert halves.both.end_runs() == [run_id]


def test_interrupted_run_that_nobody_told_the_ledger_of_is_taken_up_again(halves: Halves):
    batch = halves.ledger.request(replace(REQUEST, max_attempts=1))
    run_id = halves.run_of(batch, Happened.RUN_ENQUEUED, Happened.RUN_CANCELED)
    halves.instance.add_run_tags(run_id, ended_tags(run_id, INTERRUPTED.kind))
    assert [closed.id for closed in halves.both.close_batches()] == [batch.id]
    assert halves.error(batch) == ("interrupted", "later")
    [again] = retry_failed(halves.ledger, halves.both.must_wait)
    assert (again.attempt, again.max_attempts) == (2, 2)


@pytest.mark.invariant("1.6")
def test_run_of_a_command_that_was_killed_is_ended_after_a_minute(halves: Halves, clock: ManualClock):
    halves.launched = False
    batch, run_id = halves.claimed()
    halves.ledger.fail(batch, **asdict(lost(batch.id, "silent")))
    clock.advance(59)  # one that lives is refused its next write, and ends by itself
    assert halves.both.end_runs() == []
    clock.advance(1)
    assert halves.both.end_runs() == [run_id]
    assert halves.status(run_id) == "CANCELED"


def test_runs_of_another_code_location_are_left_alone(halves: Halves):
    batch, run_id = halves.claimed()
    halves.ledger.fail(batch, **asdict(lost(batch.id, "silent")))
    other = replace(halves.both, location="another")
    assert other.end_runs() == []
    assert halves.both.end_runs() == [run_id]


def test_run_of_a_batch_that_a_restored_ledger_does_not_know_is_ended(halves: Halves):
    batch = halves.ledger.request(REQUEST)
    young = halves.run_of(batch, Happened.RUN_START, tags={BATCH_TAG: "4711"})
    old = halves.run_of(batch, Happened.RUN_START, ago=61, tags={BATCH_TAG: "4712"})
    assert halves.both.end_runs() == [old]
    assert halves.status(young) == "STARTED"


@pytest.mark.invariant("1.5")
@pytest.mark.parametrize("ended", [Happened.RUN_SUCCESS, Happened.RUN_FAILURE, Happened.RUN_CANCELED])
def test_batch_of_a_restored_ledger_is_not_judged_by_a_run_that_had_its_number(
    halves: Halves, clock: ManualClock, ended: dg.DagsterEventType
):
    backup = Backup.of(halves.ledger.engine)
    lost, _ = halves.claimed(ended)
    backup.restore()
    clock.advance(1)
    batch = halves.ledger.request(REQUEST)
    assert batch.id == lost.id
    assert halves.both.close_batches() == []
    assert halves.both.startable([batch]) == [batch]
    assert run_key(batch) != run_key(lost)
    run_id = halves.run_of(batch, Happened.RUN_CANCELED)
    assert [one.id for one in halves.both.close_batches()] == [batch.id], run_id


def test_run_that_was_told_to_end_between_two_steps_is_interrupted(halves: Halves):
    batch, run_id = halves.claimed()
    halves.instance.add_run_tags(run_id, {"dagster/failure_reason": "UNEXPECTED_TERMINATION"})  # as Dagster does
    halves.happens(run_id, Happened.RUN_FAILURE)
    assert [closed.id for closed in halves.both.close_batches()] == [batch.id]
    assert halves.error(batch) == ("interrupted", "later")
