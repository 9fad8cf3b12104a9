"""Reading needs the memory of the pages under way, however many products there are."""

from __future__ import annotations

import tracemalloc

from sync_pipeline.connectors.bigcommerce import listing


def decoded_bytes() -> int:
    """The bytes of decoded records that are alive."""
    decoded = tracemalloc.Filter(inclusive=True, filename_pattern=listing.__file__)
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([decoded]).traces)


async def test_memory_does_not_grow_with_the_catalogue(open_store):
    store = open_store(products=3000)
    tracemalloc.start()
    try:
        async with store.catalog() as catalog:
            most = max([decoded_bytes() async for _ in catalog.products(include=())])
            kept = [page async for page in catalog.products(include=())]
            everything = decoded_bytes()
    finally:
        tracemalloc.stop()

    # 12 pages and more in all. Alive at once are the first, the one taken, two waiting, and one for each of 3 workers.
    assert len(kept) >= 12
    assert most < 0.7 * everything
