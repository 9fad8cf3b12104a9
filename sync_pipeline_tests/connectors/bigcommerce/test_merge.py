from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from sync_pipeline.connectors.bigcommerce.merge import merge


class Source:
    """Numbers from 0 to ``last``; notes how far it came and that it was closed; fails after the last if told to."""

    def __init__(self, last: int, *, fails: bool = False) -> None:
        self.last = last
        self.fails = fails
        self.given = -1
        self.closed = asyncio.Event()

    async def items(self) -> AsyncGenerator[int]:
        try:
            for number in range(self.last + 1):
                await asyncio.sleep(0)
                self.given = number
                yield number
            if self.fails:
                raise ConnectionError("cut")
        finally:
            self.closed.set()


async def test_every_item_of_every_source_comes_once_and_in_its_sources_order():
    sources = [Source(4), Source(0), Source(9)]

    got = [item async for item in merge([source.items() for source in sources], buffered=1)]

    assert sorted(got) == sorted([*range(5), 0, *range(10)])


async def test_no_sources_are_no_items():
    assert [item async for item in merge([], buffered=1)] == []


async def test_sources_wait_for_a_slow_reader():
    sources = [Source(1000), Source(1000)]
    async with aclosing(merge([source.items() for source in sources], buffered=3)) as items:
        await anext(items)
        for _ in range(100):
            await asyncio.sleep(0)

        # One taken, three waiting, and one in the hands of each source.
        assert sum(source.given + 1 for source in sources) == 1 + 3 + 2


async def test_an_error_of_one_source_is_raised_and_the_others_are_closed():
    failing, endless = Source(2, fails=True), Source(10**9)

    with pytest.raises(ConnectionError, match="cut"):
        async for _ in merge([endless.items(), failing.items()], buffered=2):
            pass

    assert endless.closed.is_set()
    assert failing.closed.is_set()


async def test_leaving_early_closes_every_source():
    sources = [Source(10**9), Source(10**9)]

    async with aclosing(merge([source.items() for source in sources], buffered=2)) as items:
        await anext(items)

    assert all(source.closed.is_set() for source in sources)


async def test_cancelling_the_reader_closes_every_source():
    stuck, is_stuck = Source(10**9), asyncio.Event()

    async def read() -> None:
        async for _ in merge([stuck.items()], buffered=1):
            is_stuck.set()
            await asyncio.Event().wait()

    reading = asyncio.create_task(read())
    await is_stuck.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await asyncio.wait_for(stuck.closed.wait(), 5)  # the loop closes a generator that a cancellation abandons
