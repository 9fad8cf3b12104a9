"""Groups of events: what shares a transaction, what waits, and what is told when it does not end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import pytest

from sync_pipeline.api.bigcommerce import group_commit
from sync_pipeline.api.bigcommerce.group_commit import EventWriter, NotStoredError
from sync_pipeline.pipelines.store_search.events.inbox import NewEvent


class Gate:
    """A store that takes a group only when it is let."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.entered = threading.Semaphore(0)
        self.may_go_on = threading.Semaphore(0)

    def __call__(self, events: Sequence[NewEvent]) -> set[str]:
        self.groups.append([int(event.key) for event in events])
        self.entered.release()
        assert self.may_go_on.acquire(timeout=30)
        if any(event.scope == "bad" for event in events):
            raise ValueError("cannot be stored")
        return {"here"}


@asynccontextmanager
async def running(gate: Gate) -> AsyncIterator[EventWriter]:
    writer = EventWriter(gate)
    task = asyncio.create_task(writer.run())
    yield writer
    gate.may_go_on.release(10)
    task.cancel()


def event(number: int, scope: str = "good", store: str = "here") -> NewEvent:
    return NewEvent(store, scope, str(number), f"{number:040x}", "{}")


async def written(writer: EventWriter, events: Iterable[NewEvent]) -> list[asyncio.Task[bool]]:
    """The events, handed over."""
    tasks = [asyncio.create_task(writer.write(event)) for event in events]
    await asyncio.sleep(0)
    return tasks


async def entered(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.entered.acquire, timeout=30)


async def test_what_arrives_during_a_transaction_shares_the_next_one_up_to_a_bound(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(group_commit, "LARGEST_GROUP", 3)
    gate = Gate()
    async with running(gate) as writer:
        first = await written(writer, [event(0)])
        await entered(gate)
        rest = await written(writer, [event(number) for number in (1, 2, 3, 4)])
        assert not any(task.done() for task in first + rest)
        gate.may_go_on.release()
        assert await asyncio.gather(*first) == [True]
        await entered(gate)
        assert not any(task.done() for task in rest)
        gate.may_go_on.release(2)
        assert await asyncio.gather(*rest) == [True] * 4
    assert gate.groups == [[0], [1, 2, 3], [4]]


async def test_a_failing_group_fails_its_own_requests_only():
    gate = Gate()
    async with running(gate) as writer:
        bad = await written(writer, [event(0, "bad"), event(1)])
        await entered(gate)
        good = await written(writer, [event(2), event(3, store="gone")])
        gate.may_go_on.release(2)
        answers = await asyncio.gather(*bad, *good, return_exceptions=True)
    assert [type(answer) for answer in answers[:2]] == [NotStoredError] * 2
    assert answers[2:] == [True, False]


async def test_a_request_is_answered_also_when_its_transaction_does_not_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(group_commit, "ANSWER_SECONDS", 0.05)
    gate = Gate()
    async with running(gate) as writer:
        with pytest.raises(NotStoredError, match="within"):
            await writer.write(event(0))
        monkeypatch.undo()
        later = await written(writer, [event(1)])
        gate.may_go_on.release(2)
        assert await asyncio.gather(*later) == [True]


async def test_more_events_than_may_wait_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(group_commit, "MOST_WAITING", 2)
    gate = Gate()
    async with running(gate) as writer:
        first = await written(writer, [event(0)])
        await entered(gate)
        waiting = await written(writer, [event(1), event(2)])
        with pytest.raises(NotStoredError, match="2 events wait"):
            await writer.write(event(3))
        gate.may_go_on.release(2)
        assert await asyncio.gather(*first, *waiting) == [True] * 3
