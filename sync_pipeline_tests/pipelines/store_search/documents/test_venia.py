"""A real shop, field for field, against an expectation computed from the raw JSON by other means."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from sync_pipeline.connectors.bigcommerce.records import BlogPost, Category, Page, Product, Site, Store
from sync_pipeline.operations import Filtered, Operation
from sync_pipeline.pipelines.store_search.documents.category_paths import build_category_paths
from sync_pipeline.pipelines.store_search.documents.context import StoreContext
from sync_pipeline.pipelines.store_search.documents.urls import storefront_url
from sync_pipeline_tests.pipelines.store_search.documents.builders import NOW, body, item
from sync_pipeline_tests.pipelines.store_search.imports.expected_documents import RawShop, Row, venia


@pytest.fixture(scope="module")
def shop() -> RawShop:
    return venia()


@pytest.fixture(scope="module")
def store(shop: RawShop) -> StoreContext:
    info = decoded(shop.store, Store)
    return StoreContext(
        base_url=storefront_url(info, Site(id=1000)),
        now=NOW,
        currency=info.currency,
        brands={row["id"]: row["name"] for row in shop.brands},
        categories=build_category_paths(decoded(row, Category) for row in shop.categories),
    )


def decoded(row: Row, struct: type[Any]) -> Any:
    return msgspec.json.decode(json.dumps(row), type=struct)


def test_the_documents_are_what_the_files_say(shop: RawShop, store: StoreContext) -> None:
    expected = shop.documents(now=NOW)
    collections = {Product: shop.products, Category: shop.categories, Page: shop.pages, BlogPost: shop.blog_posts}
    records = [decoded(row, struct) for struct, rows in collections.items() for row in rows]
    written = {one.key: record for record in records if isinstance(one := item(record, store), Operation)}
    assert len(shop.products) == 85
    assert written.keys() == expected.keys()
    for key, record in written.items():
        assert body(record, store) == expected[key]


def test_only_public_pages_are_found(shop: RawShop, store: StoreContext) -> None:
    outcomes = {row["id"]: item(decoded(row, Page), store) for row in shop.pages}
    filtered = {number: one.reason for number, one in outcomes.items() if isinstance(one, Filtered)}
    assert filtered == {3: "link_page", 5: "customers_only", 6: "hidden"}


def test_only_published_posts_are_found(shop: RawShop, store: StoreContext) -> None:
    outcomes = [item(decoded(row, BlogPost), store) for row in shop.blog_posts]
    assert [one for one in outcomes if isinstance(one, Filtered)] == [Filtered("post-7", "draft")]
