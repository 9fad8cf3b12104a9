from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.connectors.bigcommerce.budget import RequestBudget
from sync_pipeline.connectors.bigcommerce.errors import RateLimitedError
from sync_pipeline_tests.connectors.bigcommerce.simulated_quota import WINDOW, SimulatedQuota
from sync_pipeline_tests.connectors.bigcommerce.virtual_time import LoopClock, run

WINDOWS = 6


def new_budget(**options) -> RequestBudget:
    return RequestBudget(store_hash="s1", clock=LoopClock(), jitter=lambda: 1.0, **options)


async def read_for(seconds: float, server: SimulatedQuota, budget: RequestBudget, readers: int = 8) -> None:
    """``readers`` that always want one more request, sent again after a 429, until the time is up."""

    async def reader() -> None:
        while True:
            since = asyncio.get_running_loop().time()
            while await server.request(budget, since=since) == 429:
                pass

    tasks = [asyncio.create_task(reader()) for _ in range(readers)]
    done, _ = await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()
    for task in done:
        task.result()


async def other_app(server: SimulatedQuota, seed: int) -> None:
    """Takes bursts of the quota without asking anybody."""
    dice = random.Random(seed)
    while True:
        await asyncio.sleep(dice.uniform(0, 12))
        for _ in range(dice.randrange(25)):
            server.use(by_other=True)


def share_used(server: SimulatedQuota) -> float:
    used = sum(window.ours + window.others for window in server.windows)
    return used / (server.quota * WINDOWS)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), slowest=st.floats(0.05, 1.0), is_lazy=st.booleans())
def test_at_least_95_percent_of_the_quota_is_used_and_nothing_is_refused(seed, slowest, is_lazy):
    dice = random.Random(seed)
    server = SimulatedQuota(latency=lambda: dice.uniform(0.02, slowest), is_lazy=is_lazy)

    run(read_for(WINDOWS * WINDOW, server, new_budget()))

    assert share_used(server) >= 0.95
    assert sum(window.refused for window in server.windows) == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), slowest=st.floats(0.05, 1.0), is_lazy=st.booleans())
def test_the_quota_that_another_app_leaves_is_used_and_refusals_are_few(seed, slowest, is_lazy):
    dice = random.Random(seed)
    server = SimulatedQuota(latency=lambda: dice.uniform(0.02, slowest), is_lazy=is_lazy)

    async def both() -> None:
        other = asyncio.create_task(other_app(server, seed))
        await read_for(WINDOWS * WINDOW, server, new_budget())
        other.cancel()

    run(both())

    assert share_used(server) >= 0.95
    assert all(window.refused <= 6 for window in server.windows), "only requests under way may meet a 429"


def test_a_quota_that_changes_is_believed():
    server = SimulatedQuota(latency=lambda: 0.3)
    quotas = [150, 40, 300, 80]

    async def change() -> None:
        for quota in quotas:
            server.quota = quota
            await asyncio.sleep(WINDOW)

    async def both() -> None:
        changing = asyncio.create_task(change())
        await read_for(len(quotas) * WINDOW - 0.01, server, new_budget(concurrency=8), readers=10)
        changing.cancel()

    run(both())

    assert [window.quota for window in server.windows] == quotas
    for window in server.windows[:-1]:
        assert window.ours >= 0.95 * window.quota
    assert sum(window.refused for window in server.windows) <= 8


def test_answers_that_overtake_each_other_do_not_bring_used_quota_back():
    slow_then_fast = iter([8.0, *[0.1] * 100_000])
    server = SimulatedQuota(quota=20, latency=lambda: next(slow_then_fast))

    run(read_for(2 * WINDOW, server, new_budget()))

    assert [window.ours for window in server.windows[:2]] == [20, 20]
    assert sum(window.refused for window in server.windows) == 0


def test_no_more_than_the_allowed_number_of_requests_are_under_way():
    under_way, most = 0, 0

    async def one(budget: RequestBudget) -> None:
        nonlocal under_way, most
        async with budget.turn(since=0.0) as turn:
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(1)
            turn.answered(200, {})
            under_way -= 1

    async def many() -> None:
        budget = new_budget(concurrency=3)
        await asyncio.gather(*(one(budget) for _ in range(20)))

    run(many())

    assert most == 3


def test_requests_that_never_get_an_answer_use_the_quota_up_and_give_their_place_back():
    async def failing() -> tuple[float, float]:
        budget = new_budget()
        async with budget.turn(since=0.0) as turn:
            turn.answered(200, headers(left=3, reset=30.0))
        for _ in range(3):
            with pytest.raises(ConnectionError):
                async with budget.turn(since=0.0):
                    raise ConnectionError
        before = asyncio.get_running_loop().time()
        async with budget.turn(since=0.0) as turn:
            turn.answered(200, {})
        return before, asyncio.get_running_loop().time()

    assert run(failing()) == (0.0, 30.0)


def headers(*, left: int, reset: float, quota: int = 150, retry_after: str = "") -> dict[str, str]:
    return {
        "x-rate-limit-requests-left": str(left),
        "x-rate-limit-requests-quota": str(quota),
        "x-rate-limit-time-reset-ms": str(round(reset * 1000)),
        "x-rate-limit-time-window-ms": "30000",
        "x-retry-after": retry_after,
    }


async def pause_after(*answers: dict[str, str], budget: RequestBudget | None = None) -> list[float]:
    """The seconds that each of these 429s, one after the other, makes the next request wait."""
    budget, pauses = budget or new_budget(), []
    loop = asyncio.get_running_loop()
    async with budget.turn(since=loop.time()) as turn:
        await asyncio.sleep(0.1)
        turn.answered(429, answers[0])
    for answer in [*answers[1:], {}]:
        before = loop.time()
        async with budget.turn(since=before) as turn:
            pauses.append(round(loop.time() - before, 3))
            await asyncio.sleep(0.1)
            turn.answered(429, answer)
    return pauses


def test_a_refusal_waits_for_the_longer_of_the_services_two_times():
    both = [
        headers(left=0, reset=12.0, retry_after="13"),
        headers(left=0, reset=20.0, retry_after="5"),
        {"retry-after": "7"},
    ]

    assert run(pause_after(*both)) == [13.0, 20.0, 7.0]


def test_refusals_without_headers_back_off_exponentially():
    assert run(pause_after({}, {}, {}, {}, {}, {}, {})) == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_refusals_of_requests_that_were_under_way_together_count_once():
    async def volley() -> float:
        budget, loop = new_budget(), asyncio.get_running_loop()

        async def refused() -> None:
            async with budget.turn(since=0.0) as turn:
                await asyncio.sleep(1)
                turn.answered(429, {})

        await asyncio.gather(*(refused() for _ in range(6)))
        before = loop.time()
        async with budget.turn(since=before) as turn:
            turn.answered(200, {})
        return loop.time() - before

    assert run(volley()) == 2.0


def test_a_success_ends_the_growth_of_the_back_off():
    async def refused_then_served() -> list[float]:
        budget, loop = new_budget(), asyncio.get_running_loop()
        for _ in range(4):
            await pause_after({}, budget=budget)
        async with budget.turn(since=loop.time()) as turn:
            await asyncio.sleep(0.1)
            turn.answered(200, {})
        return await pause_after({}, budget=budget)

    assert run(refused_then_served()) == [2.0]


@pytest.mark.parametrize("answer", [{}, headers(left=0, reset=30.0), {"x-retry-after": "40"}])
def test_refusals_alone_end_with_an_error_after_ten_minutes(answer):
    async def only_refusals() -> float:
        budget, loop = new_budget(), asyncio.get_running_loop()
        with pytest.raises(RateLimitedError, match=r"^BigCommerce store s1: the request quota is used up") as raised:
            while True:
                async with budget.turn(since=0.0) as turn:
                    await asyncio.sleep(0.1)
                    turn.answered(429, answer)
        assert raised.value.exit_status == 3
        return loop.time()

    assert 530 < run(only_refusals()) <= 601


def test_a_wait_longer_than_the_patience_is_an_error_at_once():
    async def told_to_come_tomorrow() -> float:
        budget = new_budget()
        async with budget.turn(since=0.0) as turn:
            turn.answered(429, {"x-retry-after": "86400"})
        with pytest.raises(RateLimitedError):
            async with budget.turn(since=0.0):
                pass
        return asyncio.get_running_loop().time()

    assert run(told_to_come_tomorrow()) == 0.0


def test_a_success_of_any_request_keeps_the_others_patient():
    async def mostly_refused() -> int:
        budget, served, since = new_budget(), 0, 0.0
        while asyncio.get_running_loop().time() < 3600:
            async with budget.turn(since=since) as turn:
                served += 1
                turn.answered(200 if served % 8 == 0 else 429, headers(left=0, reset=30.0))
        return served

    assert run(mostly_refused()) > 100


def test_a_cancelled_request_gives_its_place_back():
    async def cancelled() -> float:
        budget = new_budget(concurrency=1)
        async with budget.turn(since=0.0) as turn:
            turn.answered(200, headers(left=0, reset=10.0))

        async def waits() -> None:
            async with budget.turn(since=0.0):
                pass

        waiting = asyncio.create_task(waits())
        await asyncio.sleep(1)
        waiting.cancel()
        async with budget.turn(since=0.0) as turn:
            turn.answered(200, {})
        return asyncio.get_running_loop().time()

    assert run(cancelled()) == 10.0


def test_a_window_of_untold_size_is_not_waited_for_twice():
    async def two_windows() -> float:
        budget = new_budget()
        told = headers(left=0, reset=10.0)
        del told["x-rate-limit-requests-quota"]
        for answer in (told, {}, {}):
            async with budget.turn(since=0.0) as turn:
                turn.answered(200, answer)
        return asyncio.get_running_loop().time()

    assert run(two_windows()) == 10.0


def test_headers_that_are_no_numbers_are_ignored():
    odd = {"x-rate-limit-requests-left": "many", "x-rate-limit-time-reset-ms": "nan", "x-retry-after": "-3"}

    assert run(pause_after(odd, odd)) == [2.0, 4.0]
