"""Several async iterators read at the same time as one, with back-pressure. Knows nothing of BigCommerce."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

T = TypeVar("T")


async def merge(sources: Sequence[AsyncGenerator[T]], *, buffered: int) -> AsyncGenerator[T]:
    """Yields the items of all ``sources`` as they come; at most ``buffered`` wait for the reader, then the sources
    wait.

    The first error of a source is raised after the items before it; then, and when the generator is closed early, the
    other sources are cancelled and closed before it returns.
    """
    queue: asyncio.Queue[tuple[T] | BaseException | None] = asyncio.Queue(maxsize=buffered)

    async def pump(source: AsyncGenerator[T]) -> None:
        end: BaseException | None = None
        try:
            async with aclosing(source):
                async for item in source:
                    await queue.put((item,))
        except Exception as error:  # noqa: BLE001 it is raised again by the reader
            end = error
        await queue.put(end)

    tasks = [asyncio.create_task(pump(source)) for source in sources]
    try:
        running = len(tasks)
        while running:
            got = await queue.get()
            if isinstance(got, tuple):
                yield got[0]
            elif got is None:
                running -= 1
            else:
                raise got
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
