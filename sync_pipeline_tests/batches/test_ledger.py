"""Batches in a real PostgreSQL: atomic claims, truthful ends, nothing lost."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from sync_pipeline.batches.database import LedgerUnavailableError, make_engine
from sync_pipeline.batches.lanes import acquire
from sync_pipeline.batches.ledger import BatchLostError, BatchNotPendingError, Ledger, lane_holder
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.queue import due, kept_waiting, reap, silent_since, stalled
from sync_pipeline.batches.records import BatchNotFoundError
from sync_pipeline.batches.requests import BatchRequest, LaneName
from sync_pipeline.batches.retries import retry_failed
from sync_pipeline.batches.states import IllegalTransitionError, Status
from sync_pipeline.errors import UsageError
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.clocks import ManualClock

REQUEST = BatchRequest(pipeline="store_search", scope="store:abc", type="all")


def test_a_batch_goes_from_pending_to_completed_with_its_figures(ledger: Ledger, clock: ManualClock):
    batch = ledger.request(REQUEST)
    assert (batch.status, batch.attempt, batch.trigger, batch.is_scheduled) == ("pending", 1, "manual", False)
    clock.advance(3)
    batch = ledger.claim(batch.id, run_id="run-1", planned=["products"])
    assert (batch.status, batch.dagster_run_id, batch.planned) == ("processing", "run-1", ["products"])
    ledger.heartbeat(batch, {"products": {"read": 10}})
    ledger.record_part(batch, "products", {"read": 85, "written": 85})
    clock.advance(7)
    ledger.complete(batch)
    done = ledger.get(batch.id)
    assert (done.status, done.counts, done.progress) == (
        "completed",
        {"products": {"read": 85, "written": 85}},
        {"products": {"read": 10}},
    )
    assert done.finished_at and done.started_at
    assert done.finished_at - done.started_at == timedelta(seconds=7)
    assert [attempt.status for attempt in ledger.attempts(batch.id)] == ["completed"]


def test_figures_of_parts_add_up_and_do_not_replace_each_other(ledger: Ledger):
    batch = ledger.claim(ledger.request(REQUEST).id, run_id="r", planned=["a", "b"])
    ledger.record_part(batch, "a", {"read": 1})
    ledger.record_part(batch, "b", {"read": 2})
    assert ledger.get(batch.id).counts == {"a": {"read": 1}, "b": {"read": 2}}


def test_unknown_batch_is_refused_at_once(ledger: Ledger):
    with pytest.raises(BatchNotFoundError, match="batch 424242 does not exist"):
        ledger.claim(424242, run_id="r", planned=[])


@pytest.mark.parametrize("end", ["processing", "completed", "failed"])
def test_a_batch_that_is_not_pending_is_refused_saying_what_it_is(ledger: Ledger, end: str):
    batch = ledger.claim(ledger.request(REQUEST).id, run_id="r", planned=[])
    if end == "completed":
        ledger.complete(batch)
    if end == "failed":
        ledger.fail(batch, kind="x", message="y")
    with pytest.raises(BatchNotPendingError, match=f"batch {batch.id} is {end}, not pending"):
        ledger.claim(batch.id, run_id="other", planned=[])
    assert ledger.get(batch.id).dagster_run_id == "r"


def test_a_reserved_batch_is_left_to_its_run(ledger: Ledger):
    batch = ledger.request(replace(REQUEST, reserved_for="mine"))
    assert due(ledger, ["store_search"]) == []
    with pytest.raises(BatchNotPendingError, match="reserved for another run"):
        ledger.claim(batch.id, run_id="other", planned=[])
    assert ledger.claim(batch.id, run_id="mine", planned=[]).status == "processing"


@pytest.mark.invariant("1.2")
def test_of_many_claimers_at_once_one_wins(ledger: Ledger):
    batch = ledger.request(REQUEST)

    def claim(number: int) -> bool:
        try:
            ledger.claim(batch.id, run_id=f"run-{number}", planned=[])
        except BatchNotPendingError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        wins = list(pool.map(claim, range(8)))
    assert wins.count(True) == 1
    assert ledger.get(batch.id).dagster_run_id == f"run-{wins.index(True)}"


def test_a_failed_batch_says_what_went_wrong_where_and_when_and_can_be_retried(ledger: Ledger, clock: ManualClock):
    batch = ledger.claim(ledger.request(REQUEST).id, run_id="r1", planned=["products"])
    ledger.fail(batch, kind="unauthorized", message="store abc refused the token", part="products")
    assert ledger.get(batch.id).error == {
        "kind": "unauthorized",
        "message": "store abc refused the token",
        "part": "products",
        "store": "abc",
        "exit_status": 1,
        "retry": "never",
        "at": clock.now().isoformat(),
    }
    again = ledger.retry(batch.id)
    assert (again.status, again.attempt, again.error, again.counts, again.dagster_run_id) == (
        "pending",
        2,
        None,
        {},
        None,
    )
    ledger.complete(ledger.claim(batch.id, run_id="r2", planned=[]))
    history = [(attempt.attempt, attempt.status, attempt.dagster_run_id) for attempt in ledger.attempts(batch.id)]
    assert history == [(1, "failed", "r1"), (2, "completed", "r2")]
    with pytest.raises(IllegalTransitionError):
        ledger.retry(batch.id)


@pytest.mark.invariant("8.5")
def test_an_attempt_that_was_superseded_cannot_write_any_more(ledger: Ledger):
    old = ledger.claim(ledger.request(REQUEST).id, run_id="r1", planned=[])
    ledger.fail(old, kind="lost", message="silent")
    ledger.claim(ledger.retry(old.id).id, run_id="r2", planned=[])
    for write in (
        lambda: ledger.heartbeat(old),
        lambda: ledger.record_part(old, "products", {}),
        lambda: ledger.complete(old),
        lambda: ledger.fail(old, kind="x", message="y"),
    ):
        with pytest.raises(BatchLostError):
            write()
    assert ledger.get(old.id).status == Status.PROCESSING


@pytest.mark.invariant("6.6")
def test_due_is_the_oldest_pending_batch_of_every_scope_whose_lane_is_free(ledger: Ledger, clock: ManualClock):
    first = ledger.request(REQUEST)
    ledger.request(REQUEST)
    other = ledger.request(replace(REQUEST, scope="store:other"))
    late = ledger.request(replace(REQUEST, scope="store:late", delay=timedelta(seconds=30)))
    assert [batch.id for batch in due(ledger, ["store_search"])] == [first.id, other.id]
    lane = acquire(ledger, "store:abc", LaneName.BULK, "somebody")
    assert [batch.id for batch in due(ledger, ["store_search"])] == [other.id]
    lane.release()
    clock.advance(31)
    assert [batch.id for batch in due(ledger, ["store_search"])] == [first.id, other.id, late.id]


@pytest.mark.invariant("6.6")
def test_batches_of_all_pipelines_are_due_and_kept_waiting(ledger: Ledger, clock: ManualClock):
    ours = ledger.request(REQUEST)
    theirs = ledger.request(replace(REQUEST, pipeline="toy", scope="toy:a"))
    reading = ledger.request(replace(REQUEST, pipeline="toy", scope="toy:b", lane=None))
    assert [batch.id for batch in due(ledger)] == [ours.id, theirs.id]
    assert [batch.id for batch in due(ledger, ["toy"])] == [theirs.id]
    assert due(ledger, []) == []
    acquire(ledger, "toy:b", LaneName.BULK, "somebody")
    assert [batch.id for batch in due(ledger, lane=None)] == [reading.id]
    assert not kept_waiting(ledger)
    clock.advance(21)
    for batch in (ours, theirs, reading):
        assert kept_waiting(ledger)
        ledger.claim(batch.id, run_id=f"r{batch.id}", planned=[])
    assert not kept_waiting(ledger)


def test_batch_of_a_pipeline_that_is_not_configured_keeps_no_one_from_working(ledger: Ledger, clock: ManualClock):
    ledger.request(replace(REQUEST, pipeline="toy", scope="toy:a"))
    clock.advance(21)
    assert kept_waiting(ledger)
    assert not kept_waiting(Ledger(ledger.engine, clock, nouns={"store_search": "store"}))


@pytest.mark.invariant("1.4")
def test_the_reaper_fails_silent_batches_and_frees_their_lanes(ledger: Ledger):
    dead = ledger.claim(ledger.request(REQUEST).id, run_id="dead", planned=[])
    acquire(ledger, dead.scope, LaneName.BULK, lane_holder(dead))
    never_started = ledger.request(replace(REQUEST, scope="store:other", reserved_for="gone"))
    pass_time(ledger, 29)
    alive = ledger.claim(ledger.request(replace(REQUEST, scope="store:third")).id, run_id="alive", planned=[])
    assert reap(ledger) == []
    pass_time(ledger, 2)
    assert [batch.id for batch in reap(ledger)] == [dead.id]
    assert ledger.get(dead.id).error["kind"] == "lost"  # pyright: ignore[reportOptionalSubscript]
    assert acquire(ledger, dead.scope, LaneName.BULK, "next").token == 2
    pass_time(ledger, 300)
    ledger.heartbeat(alive)
    assert [batch.id for batch in reap(ledger)] == [never_started.id]


def test_stalled_batches_are_those_the_reaper_would_close(ledger: Ledger):
    dead = ledger.claim(ledger.request(REQUEST).id, run_id="dead", planned=[])
    ledger.request(replace(REQUEST, scope="store:waits"))
    pass_time(ledger, 31)
    ledger.claim(ledger.request(replace(REQUEST, scope="store:third")).id, run_id="alive", planned=[])
    assert [batch.id for batch in stalled(ledger)] == [dead.id]
    assert [batch.id for batch in reap(ledger)] == [dead.id]
    assert stalled(ledger) == []


@pytest.mark.invariant("1.4")
def test_processing_row_without_any_heartbeat_is_closed(ledger: Ledger):
    """No release writes one; somebody's SQL does."""
    rows = [ledger.claim(ledger.request(REQUEST).id, run_id=f"r{number}", planned=[]) for number in range(2)]
    with ledger.session() as session:
        for number, started in zip(rows, (None, rows[1].started_at), strict=True):
            row = session.get_one(SyncBatch, number.id)
            row.heartbeat_at, row.started_at = None, started
    found = stalled(ledger)
    assert [(one.id, silent_since(one)) for one in found] == [
        (rows[0].id, rows[0].requested_at),
        (rows[1].id, rows[1].started_at),
    ]
    assert [one.id for one in reap(ledger)] == [one.id for one in rows]


@pytest.mark.invariant("1.2", "1.7")
def test_run_of_an_earlier_attempt_claims_no_later_one(ledger: Ledger):
    batch = ledger.request(REQUEST)
    ledger.fail(ledger.claim(batch.id, run_id="first", planned=[], attempt=1), kind="x", message="y")
    ledger.retry(batch.id)
    with pytest.raises(BatchNotPendingError, match=f"attempt 1 of batch {batch.id} is over"):
        ledger.claim(batch.id, run_id="first", planned=[], attempt=1)
    assert ledger.claim(batch.id, run_id="second", planned=[], attempt=2).dagster_run_id == "second"


@pytest.mark.invariant("1.4", "6.6")
def test_row_that_somebody_holds_locked_delays_no_other(ledger: Ledger, clock: ManualClock):
    dead = [
        ledger.claim(
            ledger.request(replace(REQUEST, scope=f"store:{name}", max_attempts=2)).id, run_id=name, planned=[]
        )
        for name in ("a", "b", "c")
    ]
    pass_time(ledger, 31)
    a_row = select(SyncBatch.id).where(SyncBatch.id == dead[1].id).with_for_update()
    with ledger.session() as stranger:
        stranger.execute(a_row)
        assert [batch.id for batch in reap(ledger)] == [dead[0].id, dead[2].id]
    assert [batch.id for batch in reap(ledger)] == [dead[1].id]
    clock.advance(60)
    with ledger.session() as stranger:
        stranger.execute(a_row)
        assert [batch.id for batch in retry_failed(ledger)] == [dead[0].id, dead[2].id]
    assert [batch.id for batch in retry_failed(ledger)] == [dead[1].id]


@pytest.mark.invariant("1.5")
@pytest.mark.parametrize("year", [1976, 2126])
def test_living_batch_is_left_alone_by_a_machine_whose_clock_is_wrong(ledger: Ledger, clock: ManualClock, year: int):
    reserved = ledger.request(replace(REQUEST, reserved_for="mine"))
    batch = ledger.claim(ledger.request(REQUEST).id, run_id="alive", planned=[])
    acquire(ledger, batch.scope, LaneName.BULK, lane_holder(batch))
    clock.time = datetime(year, 1, 1, tzinfo=UTC)
    also_reserved = ledger.request(replace(REQUEST, scope="store:other", reserved_for="yours"))
    assert reap(ledger) == []
    assert due(ledger, ["store_search"]) == []
    assert {ledger.get(one.id).status for one in (reserved, also_reserved)} == {"pending"}


@pytest.mark.invariant("1.4")
def test_reservation_of_an_earlier_release_is_given_up(ledger: Ledger):
    """That release gave a reserved batch no sign of life; the test's clock says that it was long ago."""
    batch = ledger.request(replace(REQUEST, reserved_for="gone"))
    with ledger.session() as session:
        session.get_one(SyncBatch, batch.id).heartbeat_at = None
    assert [lost.id for lost in reap(ledger)] == [batch.id]


@pytest.mark.invariant("2.4")
def test_versions_only_grow_also_when_drawn_at_once(ledger: Ledger):
    before = ledger.next_version()
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: ledger.next_version(), range(40)))
    assert len(set(drawn)) == 40
    assert min(drawn) > before
    assert ledger.next_version() > max(drawn)


@pytest.mark.invariant("7.7")
def test_a_ledger_that_is_away_is_one_line_without_the_password(unused_port: int):
    ledger = Ledger(make_engine(f"postgresql://someone:hidden-word@127.0.0.1:{unused_port}/nothing"))
    with pytest.raises(LedgerUnavailableError) as caught:
        ledger.next_version()
    assert f"127.0.0.1:{unused_port}/nothing cannot be reached" in str(caught.value)
    assert "hidden-word" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_option_that_the_database_driver_does_not_know_is_a_line_and_no_outage(unused_port: int):
    engine = make_engine(f"postgresql://user@127.0.0.1:{unused_port}/db?passwrd=x")
    with pytest.raises(UsageError, match=r"DATABASE_URL: .*passwrd"):
        Ledger(engine).list()


def test_what_is_too_large_for_the_database_is_no_outage(ledger: Ledger):
    with pytest.raises(OperationalError, match="maximum"):
        ledger.request(replace(REQUEST, scope="store:" + secrets.token_hex(9000)))


def test_a_database_without_the_ledger_says_what_to_do(empty_database_url: str):
    with pytest.raises(LedgerUnavailableError, match="run `sync-pipeline db upgrade`"):
        Ledger(make_engine(empty_database_url)).list()


class LifeCycle(RuleBasedStateMachine):
    """Random events on several batches: the ledger does what the table says, and forgets no attempt."""

    ledger: Ledger
    batches = Bundle("batches")

    def __init__(self) -> None:
        super().__init__()
        self.expected: dict[int, tuple[str, int, int]] = {}  # id -> status, attempt, finished attempts

    @rule(target=batches)
    def request(self) -> int:
        batch_id = self.ledger.request(REQUEST).id
        self.expected[batch_id] = ("pending", 1, 0)
        return batch_id

    @rule(batch_id=batches, event=st.sampled_from(["claim", "complete", "fail", "retry"]))
    def happen(self, batch_id: int, event: str) -> None:
        status, attempt, ended = self.expected[batch_id]
        allowed = (status, event) in {
            ("pending", "claim"),
            ("pending", "fail"),
            ("processing", "complete"),
            ("processing", "fail"),
            ("failed", "retry"),
        }
        batch = self.ledger.get(batch_id)
        actions = {
            "claim": lambda: self.ledger.claim(batch_id, run_id=f"{batch_id}-{attempt}", planned=[]),
            "complete": lambda: self.ledger.complete(batch),
            "fail": lambda: self.ledger.fail(batch, kind="k", message="m"),
            "retry": lambda: self.ledger.retry(batch_id),
        }
        if allowed:
            actions[event]()
            after = {"claim": "processing", "complete": "completed", "fail": "failed", "retry": "pending"}[event]
            closed = event in {"complete", "fail"}
            self.expected[batch_id] = (after, attempt + (event == "retry"), ended + closed)
        else:
            with pytest.raises((BatchNotPendingError, BatchLostError, IllegalTransitionError)):
                actions[event]()

    @invariant()
    def the_ledger_agrees(self) -> None:
        for batch_id, (status, attempt, ended) in self.expected.items():
            batch = self.ledger.get(batch_id)
            assert (batch.status, batch.attempt) == (status, attempt)
            assert len(self.ledger.attempts(batch_id)) == ended


def test_any_sequence_of_events_keeps_to_the_life_cycle(ledger: Ledger):
    class Bound(LifeCycle):
        pass

    Bound.ledger = ledger
    run_state_machine_as_test(
        Bound,
        settings=settings(
            max_examples=20,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture],
        ),
    )
