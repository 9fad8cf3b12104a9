"""Each scope that is registered, alone, from the edit in the shop over hook, receiver and drain to the index."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from sync_pipeline.pipelines.store_search.events import hooks
from sync_pipeline.pipelines.store_search.events.scopes import CHANNEL_SCOPES, STORE_SCOPES
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxAdmin
from sync_pipeline_tests.api.conftest import serving
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.events.told_events import changed_by_a_rebuild, drain, states
from sync_pipeline_tests.waiting import wait_for

SHELF, TREE = 12, 2
#: Nobody buys anything in the sandbox; and of a store that is left nothing is to be seen.
NOT_MADE = {"store/product/inventory/order/updated", "store/sku/inventory/order/updated", "store/app/uninstalled"}


def variant_of(shop: Shop, number: int) -> int:
    return shop.sandbox.sandbox.stores[shop.hash].catalog.products.whole(number)["variants"][0]["id"]


def sold_in(shop: Shop, channels: list[int]) -> None:
    shop.sandbox.admin.update(shop.hash, "products", 101, {"channels": channels})


def shelved(shop: Shop, categories: list[int]) -> None:
    shop.sandbox.admin.update(shop.hash, "products", 101, {"categories": categories})


def renamed(kind: Any, number: int) -> Callable[[Shop], object]:
    return lambda shop: shop.sandbox.admin.update(shop.hash, kind, number, {"name": "Renamed"})


def made(kind: Any, **fields: Any) -> Callable[[Shop], object]:
    return lambda shop: shop.sandbox.admin.create(shop.hash, kind, {"name": "Made", **fields})


def gone(kind: Any, number: int) -> Callable[[Shop], object]:
    return lambda shop: shop.sandbox.admin.delete(shop.hash, kind, number)


def of_variant(change: Callable[[SandboxAdmin, str, int], object]) -> Callable[[Shop], object]:
    return lambda shop: change(shop.sandbox.admin, shop.hash, variant_of(shop, 101))


EDITS: dict[str, Callable[[Shop], object]] = {
    "store/product/created": made("products"),
    "store/product/updated": renamed("products", 101),
    "store/product/deleted": gone("products", 101),
    "store/product/inventory/updated": lambda shop: shop.sandbox.admin.update(
        shop.hash, "products", 101, {"inventory_tracking": "product", "inventory_level": 4711}
    ),
    "store/sku/created": lambda shop: shop.sandbox.admin.create_variant(shop.hash, 101, {"sku": "MADE"}),
    "store/sku/updated": of_variant(lambda admin, store, one: admin.update_variant(store, 101, one, {"sku": "OTHER"})),
    "store/sku/deleted": of_variant(lambda admin, store, one: admin.delete_variant(store, 101, one)),
    "store/sku/inventory/updated": of_variant(
        lambda admin, store, one: admin.update_variant(store, 101, one, {"sku": "X", "inventory_level": 4711})
    ),
    "store/category/created": made("categories"),
    "store/category/updated": renamed("categories", SHELF),
    "store/category/deleted": gone("categories", SHELF),
    "store/information/updated": lambda shop: shop.sandbox.admin.change_info(shop.hash, currency="EUR"),
    "store/channel/1/product/assigned": lambda shop: sold_in(shop, [1, 2]),
    "store/channel/1/product/unassigned": lambda shop: sold_in(shop, [2]),
    "store/channel/1/category/product/assigned": lambda shop: shelved(shop, [SHELF, SHELF + 1]),
    "store/channel/1/category/product/unassigned": lambda shop: shelved(shop, []),
    "store/channel/1/categoryTree/updated": gone("trees", TREE),
    "store/channel/1/page/created": made("pages", body="<p>Made</p>"),
    "store/channel/1/page/updated": renamed("pages", 1),
    "store/channel/1/settings/site/updated": lambda shop: shop.sandbox.admin.update(
        shop.hash, "sites", 1000, {"url": "https://moved.example.com"}
    ),
}
ASK_FOR_A_BATCH = {"store/information/updated", "store/channel/1/settings/site/updated"}


@pytest.fixture
def receiver(shop: Shop) -> Iterator[httpx.Client]:
    with serving(shop.pipeline.stores) as client:
        yield client


def prepare(shop: Shop, scope: str) -> None:
    """An indexed shop in which the edit of the scope has something to change."""
    admin = shop.sandbox.admin
    assert admin.create(shop.hash, "trees", {"name": "Second", "channels": [1]})["id"] == TREE
    second = admin.create(shop.hash, "categories", {"name": "Apart", "tree_id": TREE})["category_id"]
    admin.update(shop.hash, "products", 102, {"categories": [second]})
    shelved(shop, [SHELF])
    sold_in(shop, [2] if scope.endswith("1/product/assigned") else [1])
    shop.run_plain()


def hear_only_of(shop: Shop, scope: str, receiver: httpx.Client) -> None:
    """The store's hooks as they are registered, but for those of every other scope."""
    row = shop.pipeline.stores.get(shop.hash)
    asyncio.run(hooks.register(shop.pipeline, row, str(receiver.base_url)))
    there = shop.sandbox.sandbox.stores[shop.hash].hooks
    for hook in [*there.by_id.values()]:
        if hook.scope != scope:
            there.delete(hook.id)


def test_every_scope_has_its_edit():
    of_the_shop = {*STORE_SCOPES, *(scope.format(channel=1) for scope in CHANNEL_SCOPES)}
    assert of_the_shop == EDITS.keys() | NOT_MADE


@pytest.mark.invariant("2.5")
@pytest.mark.parametrize("scope", EDITS)
def test_an_edit_reaches_the_index_by_its_event_alone(shop: Shop, receiver: httpx.Client, scope: str):
    prepare(shop, scope)
    before = shop.documents()
    hear_only_of(shop, scope, receiver)
    EDITS[scope](shop)
    wait_for(lambda: shop.sandbox.admin.events(shop.hash).is_quiet, what="the event")
    drain(shop)
    assert set(states(shop).values()) == {"done"}
    asked = [batch.mode for batch in shop.pipeline.ledger.list() if batch.status == "pending"]
    assert asked == (["full"] if scope in ASK_FOR_A_BATCH else [])
    assert bool(changed_by_a_rebuild(shop)) == bool(asked)
    assert shop.documents() != before
