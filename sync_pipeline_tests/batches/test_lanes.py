"""Lanes: one holder, tokens that only grow, and the former holder is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from sync_pipeline.batches.lanes import FencedError, LaneBusyError, acquire, refusals
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.requests import LaneName
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.clocks import ManualClock

SCOPE = "store:abc"


@pytest.mark.invariant("8.1")
def test_a_lane_has_one_holder_and_the_two_lanes_of_a_scope_are_independent(ledger: Ledger):
    acquire(ledger, SCOPE, LaneName.BULK, "first")
    acquire(ledger, SCOPE, LaneName.EVENTS, "second")
    acquire(ledger, "store:other", LaneName.BULK, "second")
    with pytest.raises(LaneBusyError, match=r"lane bulk of store:abc is held by first"):
        acquire(ledger, SCOPE, LaneName.BULK, "second")


def test_its_own_holder_takes_it_again_with_the_same_token(ledger: Ledger):
    lane = acquire(ledger, SCOPE, LaneName.BULK, "first")
    assert acquire(ledger, SCOPE, LaneName.BULK, "first").token == lane.token


@pytest.mark.invariant("8.2", "8.3", "8.4")
def test_who_slept_through_the_expiry_is_fenced(ledger: Ledger):
    sleeper = acquire(ledger, SCOPE, LaneName.BULK, "sleeper")
    pass_time(ledger, 31)
    heir = acquire(ledger, SCOPE, LaneName.BULK, "heir")
    assert heir.token > sleeper.token
    for write in (sleeper.check, sleeper.renew):
        with pytest.raises(FencedError, match="writes no more"):
            write()
    sleeper.release()
    heir.check()


@pytest.mark.invariant("8.5")
def test_every_refusal_is_counted_with_the_lane_and_logged(ledger: Ledger):
    sleeper = acquire(ledger, SCOPE, LaneName.BULK, "sleeper")
    pass_time(ledger, 31)
    acquire(ledger, SCOPE, LaneName.BULK, "heir")
    with capture_logs() as logged:
        for _ in range(3):
            with pytest.raises(FencedError):
                sleeper.check()
    assert refusals(ledger) == {f"{SCOPE} bulk": 3}
    assert [(line["event"], line["holder"], line["of"]) for line in logged] == [
        ("write refused", "sleeper", number) for number in (1, 2, 3)
    ]


@pytest.mark.invariant("8.2")
def test_the_token_grows_also_over_a_release(ledger: Ledger):
    tokens = []
    for holder in ("a", "b", "c"):
        lane = acquire(ledger, SCOPE, LaneName.BULK, holder)
        tokens.append(lane.token)
        lane.release()
        with pytest.raises(FencedError):
            lane.check()
    assert tokens == [1, 2, 3]


@pytest.mark.invariant("8.1")
def test_a_renewed_lane_does_not_expire(ledger: Ledger):
    lane = acquire(ledger, SCOPE, LaneName.BULK, "steady")
    for _ in range(5):
        pass_time(ledger, 25)
        lane.renew()
    with pytest.raises(LaneBusyError):
        acquire(ledger, SCOPE, LaneName.BULK, "other")


@pytest.mark.invariant("8.1")
def test_lane_of_a_living_holder_is_kept_from_a_machine_whose_clock_is_ahead(ledger: Ledger, clock: ManualClock):
    acquire(ledger, SCOPE, LaneName.BULK, "living")
    clock.time = datetime(2126, 1, 1, tzinfo=UTC)
    with pytest.raises(LaneBusyError):
        acquire(ledger, SCOPE, LaneName.BULK, "ahead")


@pytest.mark.invariant("8.1")
def test_of_many_at_once_one_gets_the_lane(ledger: Ledger):
    def take(number: int) -> bool:
        try:
            acquire(ledger, SCOPE, LaneName.BULK, f"holder-{number}")
        except LaneBusyError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(take, range(16))).count(True) == 1
