"""Facets: what is counted, under which filters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.pipelines.store_search.search.client import Found, find
from sync_pipeline.pipelines.store_search.search.facets import MAX_VALUES
from sync_pipeline_tests.pipelines.store_search.search.search_shop import named, product, published

pytestmark = pytest.mark.real_elasticsearch

PRODUCTS = [
    product(1, "Red Shirt", brand="Lumen", categories=["Tops", "Sale"], calculated_price=10.0,
            options=[*named(Color="Red"), *named(Size="M"), *named(Size="L")],
            custom_fields=[*named(Material="Wool"), *named(Material="Silk")]),
    product(2, "Blue Shirt", brand="Lumen", categories=["Tops"], calculated_price=30.0,
            options=[*named(Color="Blue"), *named(Size="M")], custom_fields=named(Material="Wool")),
    product(3, "Green Shirt", brand="Aurelia", categories=["Tops"], calculated_price=20.0, in_stock=False,
            options=[*named(Color="Green"), *named(**{"Size > [odd]": "M"})]),
    product(4, "Lamp", brand="Aurelia", categories=["Home"], calculated_price=99.0),
    *(product(100 + number, "Crate", brand=f"Brand {number}") for number in range(MAX_VALUES + 5)),
]  # fmt: skip
CATEGORIES = [{"id": 1, "type": "category", "name": "Shirts", "path": "Shirts", "is_visible": True}]


@pytest.fixture(scope="module")
def shop(elasticsearch_url: str) -> Iterator[str]:
    with published(elasticsearch_url, {"products": PRODUCTS, "categories": CATEGORIES}) as store_hash:
        yield store_hash


@pytest.fixture
async def cluster(elasticsearch_url: str) -> AsyncIterator[SearchCluster]:
    async with SearchCluster(url=elasticsearch_url) as opened:
        yield opened


def counts(values: list[dict[str, Any]]) -> dict[Any, int]:
    return {one["value"]: one["count"] for one in values}


def keys(found: Found) -> set[str]:
    return {hit["_id"] for hit in found.hits}


async def facets(cluster: SearchCluster, shop: str, query: str, **how: Any) -> dict[str, Any]:
    found = await find(cluster, shop, query, facets=True, **how)
    assert found.facets is not None
    return found.facets


async def test_facets_count_the_hits_of_a_search(cluster: SearchCluster, shop: str) -> None:
    found = await facets(cluster, shop, "shirt")
    assert counts(found["brand"]) == {"Lumen": 2, "Aurelia": 1}
    assert counts(found["categories"]) == {"Tops": 3, "Sale": 1}
    assert {name: counts(values) for name, values in found["options"].items()} == {
        "Color": {"Red": 1, "Blue": 1, "Green": 1},
        "Size": {"M": 2, "L": 1},
        "Size > [odd]": {"M": 1},
    }
    assert counts(found["custom_fields"]["Material"]) == {"Wool": 2, "Silk": 1}
    assert found["price"] == {"min": 10.0, "max": 30.0}
    assert counts(found["in_stock"]) == {True: 2, False: 1}


async def test_a_facet_counts_under_all_filters_but_its_own(cluster: SearchCluster, shop: str) -> None:
    narrowed = await find(
        cluster, shop, "shirt", facets=True, brands=["Lumen"], options={"Color": "Red"}, price_to=25.0
    )
    assert keys(narrowed) == {"product-1"}
    found = narrowed.facets
    assert found is not None
    assert counts(found["brand"]) == {"Lumen": 1}
    assert counts(found["options"]["Color"]) == {"Red": 1}
    assert counts(found["options"]["Size"]) == {"M": 1, "L": 1}
    assert found["price"] == {"min": 10.0, "max": 10.0}
    other = await facets(cluster, shop, "shirt", options={"Color": ["Red", "Blue"]})
    assert counts(other["options"]["Color"]) == {"Red": 1, "Blue": 1, "Green": 1}
    assert counts(other["options"]["Size"]) == {"M": 2, "L": 1}
    assert counts(other["brand"]) == {"Lumen": 2}


async def test_filters_find_the_same_with_and_without_facets(cluster: SearchCluster, shop: str) -> None:
    for how in (
        {"brands": ["Aurelia"]},
        {"options": {"Size > [odd]": "M"}},
        {"options": {"Color": ["Red", "Green"]}, "in_stock": True},
        {"custom_fields": {"Material": "Silk"}, "price_from": 5},
        {"types": ["category"]},
    ):
        plain = await find(cluster, shop, "", size=100, **how)
        assert plain.facets is None
        assert keys(plain) == keys(await find(cluster, shop, "", size=100, facets=True, **how)) != set()


async def test_lists_of_values_are_bounded_and_no_hits_have_no_facets(cluster: SearchCluster, shop: str) -> None:
    assert len((await facets(cluster, shop, ""))["brand"]) == MAX_VALUES
    none = await facets(cluster, shop, "spaceship")
    assert none == {
        "brand": [], "categories": [], "options": {}, "custom_fields": {}, "price": None, "in_stock": []
    }  # fmt: skip
