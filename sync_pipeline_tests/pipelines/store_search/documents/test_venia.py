"""A real shop, field for field, against an expectation computed from the raw JSON by other means."""

from __future__ import annotations

import html
import json
import re
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sync_pipeline.connectors.bigcommerce.records import BlogPost, Category, Page, Product, Site, Store
from sync_pipeline.operations import Filtered, Operation
from sync_pipeline.pipelines.store_search.documents.category_paths import build_category_paths
from sync_pipeline.pipelines.store_search.documents.context import StoreContext
from sync_pipeline.pipelines.store_search.documents.urls import storefront_url
from sync_pipeline_tests.pipelines.store_search.documents.builders import NOW, body, item

VENIA = Path(__file__).parents[5] / "shared" / "stores" / "venia"
Rows = list[dict[str, Any]]


def rows(collection: str) -> Any:
    if not VENIA.is_dir():
        pytest.skip("../shared/stores/venia is not there")
    return json.loads((VENIA / f"{collection}.json").read_text("utf-8"))


def records(collection: str, struct: type[Any]) -> list[Any]:
    return [msgspec.json.decode(json.dumps(row), type=struct) for row in rows(collection)]


@pytest.fixture(scope="module")
def store() -> StoreContext:
    shop = msgspec.json.decode(json.dumps(rows("store")), type=Store)
    return StoreContext(
        base_url=storefront_url(shop, Site(id=1000)),
        now=NOW,
        currency=shop.currency,
        brands={row["id"]: row["name"] for row in rows("brands")},
        categories=build_category_paths(records("categories", Category)),
    )


def plain(markup: str) -> str:
    without = re.sub(r"(?s)<(script|style).*?</\1>", "", markup)
    without = re.sub(r"</?(strong|b|em|i|span|a)\b[^>]*>", "", without)
    return " ".join(html.unescape(re.sub(r"</?[a-zA-Z][^>]*>", " ", without)).split())


def category_path(number: int) -> str:
    nodes = {row["category_id"]: row for row in rows("categories")}
    return (category_path(nodes[number]["parent_id"]) + " > " if nodes[number]["parent_id"] else "") + nodes[number][
        "name"
    ]


def expected_product(row: dict[str, Any], brands: dict[int, str]) -> dict[str, Any]:
    """What must be found of a product; every variant of this shop inherits its price and none is disabled."""
    pairs = [[(one["option_display_name"], one["label"]) for one in v["option_values"]] for v in row["variants"]]
    levels = [
        v["inventory_level"] if row["inventory_tracking"] == "variant" else row["inventory_level"]
        for v in row["variants"]
    ]
    paid = row["sale_price"] or row["price"]
    document = {
        "id": row["id"],
        "type": "product",
        "name": row["name"],
        "sku": row["sku"],
        "description": plain(row["description"]),
        "brand": brands[row["brand_id"]],
        "categories": [category_path(one) for one in row["categories"]],
        "category_ids": row["categories"],
        "price": row["price"],
        "sale_price": row["sale_price"],
        "calculated_price": paid,
        "price_min": paid,
        "price_max": paid,
        "currency": "USD",
        "availability": "available",
        "in_stock": max(levels) > 0,
        "inventory_level": row["inventory_level"],
        "is_visible": True,
        "is_featured": row["is_featured"],
        "condition": "New",
        "url": "https://venia.example.com" + row["custom_url"]["url"],
        "image_url": row["images"][0]["url_standard"],
        "custom_fields": [{"name": one["name"], "value": one["value"]} for one in row["custom_fields"]],
        "options": [dict(zip(("name", "value"), one, strict=True)) for one in dict.fromkeys(chain(*pairs))],
        "variants": [
            {
                "id": v["id"],
                "sku": v["sku"],
                "price": paid,
                "in_stock": level > 0,
                "options": [{"name": name, "value": value} for name, value in options],
            }
            for v, level, options in zip(row["variants"], levels, pairs, strict=True)
        ],
        "review_count": row["reviews_count"],
        "total_sold": row["total_sold"],
        "search_keywords": [],
        "channels": [1],
        "date_created": row["date_created"].replace("+00:00", "Z"),
        "date_modified": row["date_modified"].replace("+00:00", "Z"),
    }
    if row["reviews_count"]:
        document["rating_average"] = round(row["reviews_rating_sum"] / row["reviews_count"], 2)
    if not row["sale_price"]:
        del document["sale_price"]
    return document


def test_every_product_is_found_as_the_shop_has_it(store: StoreContext) -> None:
    brands = {row["id"]: row["name"] for row in rows("brands")}
    products = records("products", Product)
    assert len(products) == 85
    for product, row in zip(products, rows("products"), strict=True):
        assert body(product, store) == expected_product(row, brands)


def test_every_category_is_found_under_its_path(store: StoreContext) -> None:
    for category, row in zip(records("categories", Category), rows("categories"), strict=True):
        assert body(category, store) == {
            "id": row["category_id"],
            "type": "category",
            "name": row["name"],
            "path": category_path(row["category_id"]),
            "url": "https://venia.example.com" + row["url"]["path"],
            "parent_id": row["parent_id"],
            "is_visible": True,
        }


def test_only_public_pages_are_found(store: StoreContext) -> None:
    outcomes = {page.id: item(page, store) for page in records("pages", Page)}
    filtered = {number: one.reason for number, one in outcomes.items() if isinstance(one, Filtered)}
    assert filtered == {3: "link_page", 5: "customers_only", 6: "hidden"}
    for page, row in zip(records("pages", Page), rows("pages"), strict=True):
        if isinstance(outcomes[page.id], Operation):
            found = body(page, store)
            assert (found["name"], found["body"]) == (row["name"], plain(row["body"]))
            assert found["url"] == "https://venia.example.com" + row["url"]


def test_only_published_posts_are_found(store: StoreContext) -> None:
    for post, row in zip(records("blog_posts", BlogPost), rows("blog_posts"), strict=True):
        if not row["is_published"]:
            assert item(post, store) == Filtered(f"post-{row['id']}", "draft")
            continue
        found = body(post, store)
        assert (found["title"], found["tags"], found["author"]) == (row["title"], row["tags"], row["author"])
        assert (found["body"], found["summary"]) == (plain(row["body"]), plain(row["summary"]))
        assert found["published_at"] == row["published_date_iso8601"].replace("+0000", "Z")
