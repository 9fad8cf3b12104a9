"""What these tests share: versions in a row, and a client on a sandbox store whose waiting takes no time."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sync_pipeline.connectors.bigcommerce.budget import RequestBudget
from sync_pipeline.connectors.bigcommerce.catalog import Catalog
from sync_pipeline.connectors.bigcommerce.client import BigCommerceClient
from sync_pipeline.connectors.bigcommerce.listing import RecordPage
from sync_pipeline_tests.clocks import ManualClock

T = TypeVar("T")


class Versions:
    """Counts up from 1, as a database sequence does."""

    def __init__(self) -> None:
        self.drawn = 0
        self._numbers = itertools.count(1)

    async def __call__(self) -> int:
        self.drawn = next(self._numbers)
        return self.drawn


def new_client(clock: ManualClock, *, base_url: str, store_hash: str, **options: Any) -> BigCommerceClient:
    budget = RequestBudget(store_hash=store_hash, clock=clock, jitter=lambda: 1.0)
    settings = {"token": f"{store_hash}-token", "jitter": lambda: 1.0, **options}
    return BigCommerceClient(store_hash=store_hash, base_url=base_url, budget=budget, clock=clock, **settings)


@asynccontextmanager
async def open_catalog(
    clock: ManualClock, *, base_url: str, store_hash: str, versions: Versions | None = None, **options: Any
) -> AsyncIterator[Catalog]:
    async with new_client(clock, base_url=base_url, store_hash=store_hash, **options) as client:
        yield Catalog(client, next_version=versions or Versions())


async def all_pages(listing: AsyncGenerator[RecordPage[T]]) -> list[RecordPage[T]]:
    return [page async for page in listing]


async def all_records(listing: AsyncGenerator[RecordPage[T]]) -> list[Any]:
    return [record async for page in listing for record in page.records]
