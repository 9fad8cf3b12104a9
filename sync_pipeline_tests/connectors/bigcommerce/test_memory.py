"""Reading needs the memory of the pages under way, however many products there are."""

from __future__ import annotations

import gc
import tracemalloc


async def peak_while_reading(store) -> int:
    """The most memory allocated above the start, in bytes, the sandbox's own included."""
    async with store.catalog() as catalog:
        gc.collect()
        tracemalloc.start()
        try:
            async for _ in catalog.products():
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


async def test_memory_does_not_grow_with_the_catalogue(open_store):
    # 12 pages against 4: kept, they would need three times the memory; two more workers need less than that.
    small, large = open_store(products=1000), open_store(products=3000)
    await peak_while_reading(small)

    assert await peak_while_reading(large) < 1.8 * await peak_while_reading(small)
