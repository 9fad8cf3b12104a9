"""What the tests of this folder share: harm done to a search cluster behind everyone's back, and the ends of a batch.

What belongs here: acting on the cluster as somebody else might, and judging how a batch ended. What does not: the
fixtures (conftest.py) and the ways in which a request can go wrong (fault_proxy.py, bulk_harms.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.delivery.books import balances
from sync_pipeline.errors import SyncPipelineError
from sync_pipeline.pipelines.store_search.types import IMPORTS
from sync_pipeline_tests.pipelines.store_search.conftest import Shop

#: The bulk requests with products.
PRODUCTS = "*-products-*/_bulk*"


def in_cluster(shop: Shop, work: Callable[[SearchCluster, StoreIndices], Any]) -> Any:
    """Does something to the cluster, as somebody else might."""

    async def act() -> Any:
        async with shop.pipeline.cluster() as cluster:
            return await work(cluster, StoreIndices(cluster, shop.hash))

    return asyncio.run(act())


def live_products(shop: Shop) -> str:
    """The index of products that searches see."""
    [live] = [name for name in shop.served() if "-products-" in name]
    return live


def delete_index(shop: Shop, name: str) -> None:
    in_cluster(shop, lambda _, indices: indices.delete(name))


def move_alias(shop: Shop) -> str:
    """Puts another, empty index behind the products' alias; its name."""

    async def move(_: SearchCluster, indices: StoreIndices) -> str:
        [live] = await indices.current("products")
        meta = next(index.meta for index in await indices.list() if index.name == live)
        name = live[:-1] + ("0" if live[-1] != "0" else "1")
        await indices.create(name, {"settings": {}, "mappings": {"_meta": meta}})
        await indices.swap({"products": name})
        return name

    return in_cluster(shop, move)


def check_whole(shop: Shop, batch: SyncBatch, expected: dict[str, Any]) -> None:
    """The batch completed with balanced books, and searches see the shop in one index of each kind."""
    assert batch.status == "completed"
    assert all(balances(batch.counts[part]) for part in IMPORTS)
    assert shop.documents() == expected
    assert len(shop.served()) == len(IMPORTS)


def failure(shop: Shop, **options: Any) -> SyncPipelineError:
    """What a batch that must fail is failed with, in one line; the ledger has it too."""
    with pytest.raises(SyncPipelineError) as raised:
        shop.run_plain(**options)
    newest = shop.pipeline.ledger.list()[0]
    assert (newest.status, newest.error["kind"]) == ("failed", raised.value.kind)
    assert newest.error["message"]
    assert "\n" not in newest.error["message"]
    return raised.value


def product_prices(shop: Shop) -> dict[str, float | None]:
    """The price of every product that searches see."""
    return {key: document.get("price") for key, document in shop.documents().items() if key.startswith("product-")}
