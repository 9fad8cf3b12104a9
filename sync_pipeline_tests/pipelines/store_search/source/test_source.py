from __future__ import annotations

import gc

from sync_pipeline.clock import SystemClock
from sync_pipeline.connectors.bigcommerce.budget import RequestBudget
from sync_pipeline.connectors.bigcommerce.catalog import Catalog
from sync_pipeline.connectors.bigcommerce.client import BigCommerceClient
from sync_pipeline.pipelines.store_search.source.store_source import StoreSource


async def next_version() -> int:
    return 1


async def test_the_collector_leaves_alone_what_there_was_before_the_first_batch_of_a_process() -> None:
    clock = SystemClock()
    budget = RequestBudget(store_hash="x", clock=clock)
    client = BigCommerceClient(store_hash="x", token="t", base_url="http://127.0.0.1:9", budget=budget, clock=clock)
    frozen = []
    for _ in range(2):
        async with client, StoreSource(Catalog(client, next_version=next_version), batch_id=1, clock=clock):
            frozen.append(gc.get_freeze_count())
    assert 0 < frozen[1] <= frozen[0]
