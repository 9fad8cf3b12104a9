"""How long a delivery waits before it tries again."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from sync_pipeline.backoff import Backoff


def longest() -> float:
    """The longest wait of those that are possible."""
    return 1.0


@pytest.mark.invariant("6.2")
def test_each_wait_may_be_twice_the_one_before_up_to_a_bound():
    backoff = Backoff(first=1.0, cap=30.0, random=longest)
    waits = [backoff.wait(tried) for tried in range(1, 10)]
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]


@pytest.mark.invariant("6.2")
def test_two_that_failed_together_do_not_come_back_together():
    waits = sorted(Backoff(random=random.Random(seed).random).wait(5) for seed in range(20))
    assert all(later > earlier for earlier, later in pairwise(waits))
    assert 0 <= waits[0] < waits[-1] <= 16


@pytest.mark.invariant("6.2")
def test_jitter_leaves_the_rest_of_a_wait_alone():
    waits = [Backoff(jitter=0.5, random=random.Random(seed).random).wait(5) for seed in range(20)]
    assert 8 <= min(waits) < max(waits) <= 16
    assert {Backoff(jitter=0.0).wait(5) for _ in range(5)} == {16.0}


@pytest.mark.invariant("6.2")
def test_any_number_of_failures_has_a_wait():
    assert Backoff(random=longest).wait(100_000) == 30.0


@pytest.mark.invariant("6.3")
def test_the_services_own_waiting_time_is_never_cut_short():
    assert Backoff(random=longest).wait(1, 45.0) == 45.0
    assert Backoff(random=longest).wait(5, 3.0) == 16.0
