"""A store that suddenly refuses to be read, or lists far too little: it loses nothing, in whatever mode.

What belongs here: whole batches and what searches see after them. What does not: which answers are errors and which
listings are believed (connectors/bigcommerce), and the bounds of the delete guard (delivery/test_guard.py).
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from sync_pipeline.batches.parts import BatchPart, Run, batch_part
from sync_pipeline.connectors.bigcommerce.errors import BigCommerceError, IncompleteListingError, UnauthorizedError
from sync_pipeline.delivery.guard import DeleteGuardError
from sync_pipeline.pipelines.store_search import sync
from sync_pipeline.pipelines.store_search.imports.run import ImportResult
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.types import IMPORTS, BatchType, Part
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.clocks import HurriedClock
from sync_pipeline_tests.fault_proxy import Answer, FaultProxy, Forward, Request, before, running_fault_proxy
from sync_pipeline_tests.pipelines.store_search.conftest import Shop

pytestmark = pytest.mark.real_elasticsearch

PRODUCTS = "*/v3/catalog/products"


@pytest.fixture
def hurried(shop: Shop) -> Shop:
    """The shop, without the waiting of its back-off."""
    return replace(shop, pipeline=replace(shop.pipeline, clock=HurriedClock()))


@pytest.fixture
def proxy(sandbox: SandboxServer) -> Iterator[FaultProxy]:
    """What stands before the stores."""
    with running_fault_proxy(sandbox.base_url) as running:
        yield running


def through(proxy: FaultProxy, shop: Shop) -> Shop:
    """The shop, read through the proxy."""
    settings = shop.pipeline.settings.model_copy(update={"bigcommerce_api_url": proxy.url})
    return replace(shop, pipeline=replace(shop.pipeline, settings=settings))


def no_records(request: Request, forward: Forward) -> Answer:
    """A list without records that says that there are none."""
    body = json.dumps({"data": [], "meta": {"pagination": {"total": 0}}}).encode()
    return Answer(200, {"Content-Type": "application/json"}, body)


def list_few(shop: Shop) -> None:
    """Every answer of the products' listing has the first 3 of them, and says that there are 3."""
    shop.sandbox.admin.inject(shop.hash, FaultKind.SHORT_LIST, path=PRODUCTS, items=3)


def list_none(shop: Shop) -> None:
    """Every answer of the products' listing is empty, and says that there is nothing."""
    shop.sandbox.admin.inject(shop.hash, FaultKind.EMPTY_LIST, path=PRODUCTS)


def lose_all_but_few(shop: Shop) -> None:
    """Only 3 products are there any more."""
    products = shop.sandbox.sandbox.store(shop.hash).catalog.products
    for number in list(products.ids)[3:]:
        products.remove(number)


def products_of(shop: Shop) -> set[str]:
    return {key for key in shop.documents() if key.startswith("product-")}


@pytest.mark.invariant("4.5")
@pytest.mark.parametrize("mode", ["full", "incremental", "selective"])
@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"token": "another"}, "unauthorized"),
        ({"scopes": []}, "missing_scope"),
        ({"status": "suspended"}, "store_unavailable"),
    ],
    ids=["401", "403", "503"],
)
def test_a_store_that_refuses_to_be_read_keeps_every_document(
    hurried: Shop, settings: dict[str, Any], kind: str, mode: str
):
    hurried.run_plain()
    served, documents = hurried.served(), hurried.documents()
    hurried.sandbox.admin.configure(hurried.hash, **settings)
    with pytest.raises(BigCommerceError):
        hurried.run_plain(mode=mode, ids=[*documents] if mode == "selective" else None, confirm_deletes=True)
    assert hurried.pipeline.ledger.list()[0].error["kind"] == kind
    assert hurried.served() == served
    assert hurried.documents() == documents


@pytest.mark.invariant("4.3", "4.4")
@pytest.mark.parametrize("mode", ["full", "incremental"])
@pytest.mark.parametrize(("happens", "left"), [(list_few, 3), (list_none, 0), (lose_all_but_few, 3)])
def test_a_store_whose_listing_suddenly_returns_3_products_loses_none_of_its_documents(
    shop: Shop, happens: Callable[[Shop], None], left: int, mode: str
):
    shop.run_plain()
    served, documents = shop.served(), shop.documents()
    happens(shop)
    with pytest.raises(DeleteGuardError, match="--confirm-deletes"):
        shop.run_plain(mode=mode)
    batch = shop.pipeline.ledger.list()[0]
    assert (batch.status, batch.error["kind"]) == ("failed", "delete_guard")
    assert shop.documents() == documents
    assert {name for name in served if "-products-" in name} < shop.served()
    assert shop.run_plain(mode=mode, confirm_deletes=True).status == "completed"
    assert len(products_of(shop)) == left


def rename_the_brands(shop: Shop) -> None:
    """Every product of a brand has to be written again."""
    for brand in shop.sandbox.sandbox.store(shop.hash).catalog.brands.all():
        shop.sandbox.admin.update(shop.hash, "brands", brand["id"], {"name": f"{brand['name']} & Sons"})


@pytest.mark.invariant("4.3")
def test_products_that_took_something_from_a_changed_brand_are_not_deleted_by_a_short_answer(shop: Shop):
    shop.run_plain()
    products = products_of(shop)
    rename_the_brands(shop)
    list_few(shop)
    with pytest.raises(DeleteGuardError):
        shop.run_plain(mode="incremental")
    assert products_of(shop) == products


@pytest.mark.invariant("4.1")
def test_products_that_are_listed_but_not_given_by_their_ids_are_an_error_and_stay(shop: Shop, proxy: FaultProxy):
    shop.run_plain()
    products = products_of(shop)
    rename_the_brands(shop)
    asked = proxy.inject(no_records, path="*id:in=*")
    with pytest.raises(IncompleteListingError, match=r"were not given by their ids, but are listed \(product-"):
        through(proxy, shop).run_plain(mode="incremental", confirm_deletes=True)
    assert asked.applied == 1
    assert products_of(shop) == products
    shop.run_plain(mode="incremental")
    assert all("& Sons" in document["brand"] for document in shop.documents().values() if document.get("brand"))


@pytest.mark.invariant("4.3", "4.4")
def test_naming_many_products_that_the_store_suddenly_lacks_deletes_none_until_it_is_confirmed(shop: Shop):
    shop.run_plain()
    products = products_of(shop)
    list_few(shop)
    with pytest.raises(DeleteGuardError, match="--confirm-deletes"):
        shop.run_plain(mode="selective", ids=sorted(products))
    assert products_of(shop) == products
    shop.run_plain(mode="selective", ids=sorted(products), confirm_deletes=True)
    assert len(products_of(shop)) == 3


@pytest.mark.invariant("4.2")
@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_a_listing_that_shrinks_while_it_is_read_is_not_believed(
    new_shop: Callable[..., Shop], proxy: FaultProxy, mode: str
):
    shop = new_shop(products=600)
    shop.run_plain()
    served, products = shop.served(), products_of(shop)
    held = shop.sandbox.sandbox.store(shop.hash).catalog.products

    def vanish() -> None:
        for number in list(held.ids)[400:]:
            held.remove(number)

    # The listing that tells what is gone: of all products or, by their ids, of the visible ones.
    wanted = "*/v3/catalog/products?*id:greater=250*" if mode == "full" else "*is_visible=true*id:greater=2??*"
    shrinking = proxy.inject(before(vanish), path=wanted)
    with pytest.raises(IncompleteListingError, match="not taken as complete"):
        through(proxy, shop).run_plain(mode=mode, confirm_deletes=True)
    assert shrinking.applied == 1
    assert shop.served() >= {name for name in served if "-products-" in name}
    assert products_of(shop) == products


def outcomes_of(shop: Shop) -> dict[Part, ImportResult | Exception]:
    """What becomes of each import of a full batch, whatever becomes of the others."""

    async def imports(part: BatchPart) -> dict[Part, ImportResult | Exception]:
        async with aclosing(sync.import_records(shop.pipeline, part, IMPORTS)) as outcomes:
            return {ended: outcome async for ended, outcome in outcomes}

    run_id = secrets.token_hex(8)
    request = replace(store_request(shop.hash, BatchType.ALL), reserved_for=run_id)
    with batch_part(shop.pipeline.ledger, Run(run_id=run_id, planned=tuple(IMPORTS), batch=request)) as part:
        return asyncio.run(imports(part))


@pytest.mark.invariant("5.4", "6.6")
def test_an_import_whose_listing_fails_leaves_its_index_as_it_was_and_the_others_their_results(hurried: Shop):
    hurried.run_plain()
    before_it, served = hurried.documents(), hurried.served()
    hurried.sandbox.admin.inject(hurried.hash, FaultKind.WRONG_TOKEN, path="*/v2/blog/posts*")
    hurried.sandbox.admin.update(hurried.hash, "products", 102, {"name": "Renamed meanwhile"})
    outcomes = outcomes_of(hurried)
    assert isinstance(outcomes.pop(Part.BLOG_POSTS), UnauthorizedError)
    assert {part: type(outcome) for part, outcome in outcomes.items()} == {
        Part.PRODUCTS: ImportResult,
        Part.CATEGORIES: ImportResult,
    }
    documents = hurried.documents()
    assert documents["product-102"]["name"] == "Renamed meanwhile"
    assert {name for name in served if "-blog-" in name} < hurried.served()
    posts = {key for key in before_it if key.startswith("post-")}
    assert {key: documents[key] for key in posts} == {key: before_it[key] for key in posts}
