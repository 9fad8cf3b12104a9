"""Whether a daemon works on an instance, only one, and whether it evaluates what starts batches."""

from __future__ import annotations

import time
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster_shared.error import SerializableErrorInfo

from sync_pipeline.definitions import build_defs
from sync_pipeline.errors import SyncPipelineError
from sync_pipeline.orchestration.advice import unset
from sync_pipeline.orchestration.daemons import check_alive, note_daemon, working_daemons
from sync_pipeline.orchestration.evaluations import STARTER, evaluations, needed
from sync_pipeline.orchestration.starting import check_daemon, check_evaluated, why_nothing_starts
from sync_pipeline_tests.dagster_internals import (
    DaemonHeartbeat,
    InProcessCodeLocationOrigin,
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    LoadableTargetOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
    SensorInstigatorData,
    TickData,
    TickStatus,
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def beat(instance: dg.DagsterInstance, daemon: str, moment: float) -> None:
    instance.add_daemon_heartbeat(DaemonHeartbeat(moment, "SENSOR", daemon))


def state_of(name: str, location: str = "sync_pipeline", **given) -> InstigatorState:
    target = LoadableTargetOrigin(executable_path="python", module_name="sync_pipeline.definitions")
    code_location = InProcessCodeLocationOrigin(target, location_name=location)
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(code_location, "__repository__"), name)
    status = given.pop("status", InstigatorStatus.DECLARED_IN_CODE)
    return InstigatorState(origin, InstigatorType.SENSOR, status, SensorInstigatorData(min_interval=5, **given))


def tick(instance: dg.DagsterInstance, state: InstigatorState, status: TickStatus, ago: float, error: str = "") -> None:
    instance.create_tick(
        TickData(
            instigator_origin_id=state.instigator_origin_id,
            selector_id=state.selector_id,
            instigator_name=state.name,
            instigator_type=InstigatorType.SENSOR,
            status=status,
            run_ids=[],
            timestamp=time.time() - ago,
            error=SerializableErrorInfo(error, [], "Error") if error else None,
        )
    )


def test_daemons_that_beat_in_turn_are_told_from_one_that_was_replaced(instance: dg.DagsterInstance):
    now, cursor = time.time(), None
    beats = [("first", -50.0), ("second", -40.0), ("first", -20.0), ("second", -10.0)]
    told = []
    for daemon, ago in beats:
        beat(instance, daemon, now + ago)
        for _ in range(2):  # the sensor is evaluated more often than a daemon beats
            cursor = note_daemon(instance, cursor)
        told.append(working_daemons(cursor, now + ago))
    assert told == [[], [], ["first", "second"], ["first", "second"]]
    assert working_daemons(cursor, now + 100) == []
    for typed in ("what a person typed in the UI", "7", '["daemons"]'):
        assert working_daemons(typed, now) == []


def test_daemon_is_believed_dead_only_after_it_missed_its_beat():
    signs = iter([0.0])
    with pytest.raises(SyncPipelineError, match="no sign of life"):
        check_alive(lambda: next(signs))
    began = time.time()
    waits: list[float] = []
    # It was heard half a minute ago: the next beat is waited for, and comes.
    later = iter([began - 30, began - 30, began])
    check_alive(lambda: next(later), sleep=waits.append)
    assert len(waits) == 2


def test_batches_start_when_a_daemon_lives_and_evaluates_the_sensor(instance: dg.DagsterInstance):
    assert "no Dagster daemon lives" in (why_nothing_starts(instance) or "")
    beat(instance, "one", time.time())
    assert "evaluates nothing of this project" in (why_nothing_starts(instance) or "")
    with pytest.raises(SyncPipelineError, match="does its code location load"):
        check_evaluated(instance)
    state = state_of(STARTER)
    instance.add_instigator_state(state)
    tick(instance, state, TickStatus.SKIPPED, 5)
    assert why_nothing_starts(instance) is None
    assert check_daemon(instance) == "alive"
    check_evaluated(instance)
    instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))
    assert "is stopped: start it in the Dagster UI" in (why_nothing_starts(instance) or "")


def test_sensor_whose_last_evaluations_all_fail_is_told_with_its_error(instance: dg.DagsterInstance):
    state = state_of("waiting_events")
    instance.add_instigator_state(state)
    tick(instance, state, TickStatus.SUCCESS, 40)
    for ago in (30, 20):
        tick(instance, state, TickStatus.FAILURE, ago, "first\nline")
    assert evaluations(instance, ["waiting_events"])["waiting_events"].trouble is None
    tick(instance, state, TickStatus.FAILURE, 10, "the database is away")
    tick(instance, state, TickStatus.STARTED, 1)
    trouble = evaluations(instance, ["waiting_events"])["waiting_events"].trouble
    assert trouble == "every evaluation fails: the database is away"


def test_sensor_of_another_code_location_is_not_taken_for_ours(instance: dg.DagsterInstance):
    other, ours = state_of(STARTER, "shop", status=InstigatorStatus.STOPPED), state_of(STARTER)
    for state in (ours, other):
        instance.add_instigator_state(state)
    tick(instance, other, TickStatus.FAILURE, 0, "not ours")
    tick(instance, ours, TickStatus.SKIPPED, 50)
    assert evaluations(instance, [STARTER])[STARTER].trouble is None


NOTED = '{"daemons": {}}'


def test_sensor_in_a_renamed_code_location_is_the_one_evaluated_last(instance: dg.DagsterInstance):
    beat(instance, "one", time.time())
    for location, ago in (("sync_pipeline", 325), ("stores", 3)):
        for name in (STARTER, "daily_maintenance"):
            state = state_of(name, location, cursor=NOTED if name == STARTER else None)
            instance.add_instigator_state(state)
            for _ in range(3):
                status = TickStatus.SUCCESS if location == "stores" else TickStatus.FAILURE
                tick(instance, state, status, ago, "before the name was changed" if ago > 5 else "")
    check_evaluated(instance)
    assert why_nothing_starts(instance) is None
    assert evaluations(instance, ["daily_maintenance"])["daily_maintenance"].trouble is None


def test_code_location_that_is_named_alike_is_not_taken_for_ours(instance: dg.DagsterInstance):
    ours = state_of(STARTER, "stores", cursor=NOTED)
    theirs = [state_of(name, "sync_pipeline_other", cursor=mark) for name, mark in ((STARTER, "7"), ("cleanup", None))]
    for state in (ours, *theirs):
        instance.add_instigator_state(state)
        for _ in range(3):
            status = TickStatus.SKIPPED if state is ours else TickStatus.FAILURE
            tick(instance, state, status, 5, "" if state is ours else "not ours")
    found = evaluations(instance, [STARTER, "cleanup"])
    assert [(name, one.trouble) for name, one in found.items()] == [(STARTER, None)]


def test_every_sensor_and_schedule_that_is_on_by_default_is_needed():
    assert {STARTER, "waiting_events", "due_batches", "daily_maintenance"} <= set(needed(build_defs()))


def test_settings_that_an_instance_lacks_are_told():
    with dg.instance_for_test() as bare:
        lines = unset(bare)
    assert any(line.startswith("run_monitoring.enabled is not true") for line in lines)
    monitored = {"enabled": True, "max_runtime_seconds": 60, "free_slots_after_run_end_seconds": 30}
    coordinator = {"module": "dagster.core.run_coordinator", "class": "QueuedRunCoordinator"}
    with dg.instance_for_test(overrides={"run_monitoring": monitored, "run_coordinator": coordinator}) as ready:
        assert unset(ready) == []
    with dg.instance_for_test(
        overrides={
            "run_monitoring": monitored,
            "run_coordinator": {"module": "dagster.core.run_coordinator", "class": "DefaultRunCoordinator"},
        }
    ) as unqueued:
        assert unset(unqueued) == ["run_coordinator is no QueuedRunCoordinator: all runs start at once"]
