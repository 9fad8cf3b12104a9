"""Schedules in a real PostgreSQL: due once, moved by the end of their batch and by nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.models import SyncSchedule
from sync_pipeline.batches.queue import reap
from sync_pipeline.batches.requests import BatchRequest, Mode, Trigger
from sync_pipeline.batches.schedules import (
    UnknownScheduleError,
    add_schedule,
    change_schedule,
    describe_schedule,
    get_schedule,
    list_schedules,
    pause_schedules,
    remove_schedule,
    request_due,
)
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.stores.models import Store
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.clocks import ManualClock

PIPELINE = "store_search"


def recurring(schedule: SyncSchedule) -> BatchRequest:
    return BatchRequest(schedule.pipeline, schedule.scope, schedule.type, mode=Mode(schedule.mode))


RECURRING = {PIPELINE: recurring}
WHAT = BatchRequest(pipeline=PIPELINE, scope="store:abc", type="all")
DAY = timedelta(days=1)


@pytest.fixture
def nightly(ledger: Ledger, clock: ManualClock) -> SyncSchedule:
    """A schedule of a store, every night at two. It is noon."""
    with ledger.session() as session:
        session.add(Store(hash="abc", name="A", token="x", created_at=clock.now(), updated_at=clock.now()))
    return add_schedule(ledger, WHAT, cron="0 2 * * *")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_due_schedule_gets_one_pending_batch(ledger: Ledger, clock: ManualClock, nightly: SyncSchedule):
    assert nightly.next_run_at == at("2026-03-02T02:00")
    assert request_due(ledger, RECURRING, 3) == []
    clock.time = at("2026-03-02T02:00")
    [batch] = request_due(ledger, RECURRING, 3)
    assert (batch.status, batch.trigger, batch.is_scheduled) == ("pending", "schedule", True)
    assert (batch.schedule_id, batch.max_attempts, batch.type, batch.mode) == (nightly.id, 4, "all", "full")
    assert request_due(ledger, RECURRING, 3) == []
    ledger.claim(batch.id, run_id="r", planned=[])
    assert request_due(ledger, RECURRING, 3) == []
    assert get_schedule(ledger, nightly.id).next_run_at == clock.now()


def test_time_that_came_by_a_clock_that_is_ahead_does_not_come_again(
    ledger: Ledger, clock: ManualClock, nightly: SyncSchedule
):
    clock.time = at("2026-03-02T02:00")  # that of a machine, by which it is 25 s later than it is
    [batch] = request_due(ledger, RECURRING, 0)
    clock.time = at("2026-03-02T01:59:35")
    ledger.complete(ledger.claim(batch.id, run_id="r", planned=[]))
    assert get_schedule(ledger, nightly.id).next_run_at == at("2026-03-03T02:00")


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled", "reaped"])
def test_the_next_run_is_set_when_the_batch_ends_however_it_ends(
    ledger: Ledger, clock: ManualClock, nightly: SyncSchedule, end: str
):
    clock.time = at("2026-03-02T02:00")
    [batch] = request_due(ledger, RECURRING, 0)
    if end == "cancelled":  # while it is pending
        ledger.fail(batch, kind="cancelled", message="not wanted")
    else:
        batch = ledger.claim(batch.id, run_id="r", planned=[])
        clock.advance(600)
        if end == "completed":
            ledger.complete(batch)
        elif end == "failed":
            ledger.fail(batch, kind="x", message="y")
        else:
            pass_time(ledger, 600)
            assert [lost.id for lost in reap(ledger)] == [batch.id]
    assert get_schedule(ledger, nightly.id).next_run_at == at("2026-03-03T02:00")
    assert ledger.get(batch.id).next_run_at == at("2026-03-03T02:00")
    assert request_due(ledger, RECURRING, 0) == []


def test_three_days_of_downtime_are_made_up_by_one_batch(ledger: Ledger, clock: ManualClock, nightly: SyncSchedule):
    clock.time = at("2026-03-05T09:30")
    [batch] = request_due(ledger, RECURRING, 0)
    ledger.complete(ledger.claim(batch.id, run_id="r", planned=[]))
    assert request_due(ledger, RECURRING, 0) == []
    assert get_schedule(ledger, nightly.id).next_run_at == at("2026-03-06T02:00")


@pytest.mark.parametrize("trigger", [Trigger.MANUAL, Trigger.API, Trigger.WEBHOOK])
def test_batches_of_other_triggers_move_no_schedule(
    ledger: Ledger, clock: ManualClock, nightly: SyncSchedule, trigger: Trigger
):
    clock.time = at("2026-03-02T02:00")
    request = BatchRequest(pipeline=PIPELINE, scope="store:abc", type="all", trigger=trigger)
    batch = ledger.complete(ledger.claim(ledger.request(request).id, run_id="r", planned=[]))
    assert (batch.is_scheduled, batch.next_run_at) == (False, None)
    assert get_schedule(ledger, nightly.id).next_run_at == clock.now()
    assert len(request_due(ledger, RECURRING, 0)) == 1


def test_of_many_who_ask_at_once_only_one_makes_a_batch(ledger: Ledger, clock: ManualClock, nightly: SyncSchedule):
    add_schedule(ledger, WHAT, cron="0 3 * * *")
    clock.advance(DAY.total_seconds())
    for _ in range(40):
        with ThreadPoolExecutor(8) as pool:
            made = [
                batch
                for batches in pool.map(lambda _: request_due(ledger, RECURRING, 0), range(8))
                for batch in batches
            ]
        assert len(made) == len({batch.schedule_id for batch in made}) == 2
        for batch in made:
            ledger.fail(batch, kind="x", message="y")
        clock.advance(DAY.total_seconds())


def test_ends_and_ticks_and_removals_at_once_do_not_block_each_other(
    ledger: Ledger, clock: ManualClock, nightly: SyncSchedule
):
    clock.advance(DAY.total_seconds())
    for number in range(10):
        again = nightly if number == 0 else add_schedule(ledger, WHAT, cron="0 2 * * *")
        clock.advance(DAY.total_seconds())
        [batch] = request_due(ledger, RECURRING, 0)
        with ThreadPoolExecutor(3) as pool:
            work = [
                pool.submit(remove_schedule, ledger, again.id),
                pool.submit(ledger.fail, batch, kind="x", message="y"),
                pool.submit(request_due, ledger, RECURRING, 0),
            ]
        assert all(one.exception() is None for one in work)
        for left in ledger.list(limit=2):
            if left.status == "pending":
                ledger.fail(left, kind="x", message="y")


def test_schedule_that_is_inactive_or_paused_is_left_out(ledger: Ledger, clock: ManualClock, nightly: SyncSchedule):
    change_schedule(ledger, nightly.id, active=False)
    clock.advance(2 * DAY.total_seconds())
    assert request_due(ledger, RECURRING, 0) == []
    assert request_due(ledger, {"another": recurring}, 0) == []
    change_schedule(ledger, nightly.id, active=True)
    clock.advance(DAY.total_seconds())
    with ledger.session() as session:
        pause_schedules(session, nightly.scope, "uninstalled")
    assert request_due(ledger, RECURRING, 0) == []
    with ledger.session() as session:
        pause_schedules(session, nightly.scope, None)
    assert len(request_due(ledger, RECURRING, 0)) == 1


def test_a_schedule_is_changed_and_removed_and_its_batches_stay(
    ledger: Ledger, clock: ManualClock, nightly: SyncSchedule
):
    changed = change_schedule(ledger, nightly.id, cron="0  4 * * *", timezone="Europe/Berlin", mode=Mode.INCREMENTAL)
    assert (changed.cron, changed.mode, changed.next_run_at) == ("0 4 * * *", "incremental", at("2026-03-02T03:00"))
    clock.advance(DAY.total_seconds())
    [batch] = request_due(ledger, RECURRING, 0)
    remove_schedule(ledger, nightly.id)
    assert list_schedules(ledger, scope="store:abc") == []
    ended = ledger.complete(ledger.claim(batch.id, run_id="r", planned=[]))
    assert (ended.status, ended.schedule_id, ended.next_run_at) == ("completed", None, None)
    with pytest.raises(UnknownScheduleError, match="does not exist"):
        remove_schedule(ledger, nightly.id)


def test_a_schedule_like_another_is_refused(ledger: Ledger, nightly: SyncSchedule):
    with pytest.raises(UsageError, match="store:abc has a schedule of that type, mode, time and zone already"):
        add_schedule(ledger, WHAT, cron="0  2 * * *")
    other = add_schedule(ledger, WHAT, cron="0 3 * * *")
    with pytest.raises(UsageError, match="already"):
        change_schedule(ledger, other.id, cron="0 2 * * *")
    assert [schedule.cron for schedule in list_schedules(ledger)] == ["0 2 * * *", "0 3 * * *"]


@pytest.mark.parametrize(
    ("summer_or_winter", "expected"),
    [("2026-03-28T01:30", "2026-03-29T01:00"), ("2026-10-25T00:30", "2026-10-26T01:30")],
)
def test_a_night_on_which_clocks_change_has_its_one_batch(
    ledger: Ledger, clock: ManualClock, nightly: SyncSchedule, summer_or_winter: str, expected: str
):
    change_schedule(ledger, nightly.id, cron="30 2 * * *", timezone="Europe/Berlin")
    clock.time = at(summer_or_winter)
    [batch] = request_due(ledger, RECURRING, 0)
    ledger.complete(ledger.claim(batch.id, run_id="r", planned=[]))
    clock.time = at(expected) - timedelta(seconds=1)
    assert request_due(ledger, RECURRING, 0) == []
    clock.advance(1)
    assert len(request_due(ledger, RECURRING, 0)) == 1


def test_schedule_is_described_by_the_clock_of_its_own_zone(ledger: Ledger, clock: ManualClock, nightly: SyncSchedule):
    there = add_schedule(ledger, WHAT, cron="48 3 * * *", timezone="Europe/Berlin")
    assert describe_schedule(nightly) == "all (full) at `0 2 * * *` UTC: next 2026-03-02 02:00 UTC"
    assert describe_schedule(there) == "all (full) at `48 3 * * *` Europe/Berlin: next 2026-03-02 03:48 CET"
    there.timezone = "Europe/Gone"
    assert describe_schedule(there).endswith(": next 2026-03-02 02:48 UTC")
