"""No coroutine waits for the ledger itself: a PostgreSQL that takes its time would stop everything else in the loop."""

from __future__ import annotations

import asyncio
import traceback

import pytest

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.connectors.bigcommerce.hooks import Hooks
from sync_pipeline.pipelines.store_search.events import hooks
from sync_pipeline.pipelines.store_search.search.explain import explain
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.events.told_events import drain, tell, tell_product

URL = "http://127.0.0.1:9"


@pytest.fixture
def blocking(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where a transaction was begun in the thread of a running loop."""
    found: list[str] = []
    session = Ledger.session

    def looked_at(ledger: Ledger):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return session(ledger)
        found.append("".join(traceback.format_stack(limit=7)))
        return session(ledger)

    monkeypatch.setattr(Ledger, "session", looked_at)
    return found


def test_hooks_are_kept_without_blocking_the_loop(shop: Shop, blocking: list[str]):
    stores = shop.pipeline.stores

    async def keep() -> None:
        await hooks.register(shop.pipeline, store, URL)
        again = await asyncio.to_thread(stores.get, shop.hash)
        async with shop.pipeline.client(again) as client:
            await Hooks(client).delete((await Hooks(client).all())[0].id)
        assert (await hooks.restore(shop.pipeline, again)).batch_id is not None
        await hooks.remove(shop.pipeline, again)

    store = stores.get(shop.hash)
    asyncio.run(keep())
    assert "\n".join(blocking) == ""


def test_document_is_explained_without_blocking_the_loop(indexed: Shop, blocking: list[str]):
    store = indexed.pipeline.stores.get(indexed.hash)
    asyncio.run(explain(indexed.pipeline, store, "product-101"))
    assert "\n".join(blocking) == ""


def test_drain_works_without_blocking_the_loop(indexed: Shop, blocking: list[str]):
    tell_product(indexed, 101)
    tell(indexed, "store/information/updated", {"type": "store"})
    indexed.sandbox.admin.change_info(indexed.hash, currency="EUR")
    drain(indexed)
    assert "\n".join(blocking) == ""
