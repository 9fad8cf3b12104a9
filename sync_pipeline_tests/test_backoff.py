"""How long a delivery waits before it tries again."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from sync_pipeline.backoff import Backoff


class Longest(random.Random):
    """Always the longest wait of those that are possible."""

    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.mark.invariant("6.2")
def test_each_wait_may_be_twice_the_one_before_up_to_a_bound():
    backoff = Backoff(base=0.5, cap=30.0, random=Longest())
    waits = [backoff.wait(tried) for tried in range(1, 10)]
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]


@pytest.mark.invariant("6.2")
def test_two_that_failed_together_do_not_come_back_together():
    waits = sorted(Backoff(random=random.Random(seed)).wait(5) for seed in range(20))
    assert all(later > earlier for earlier, later in pairwise(waits))
    assert 0 <= waits[0] < waits[-1] <= 16


@pytest.mark.invariant("6.3")
def test_the_services_own_waiting_time_is_never_cut_short():
    assert Backoff(random=Longest()).wait(1, 45.0) == 45.0
    assert Backoff(random=Longest()).wait(5, 3.0) == 16.0
