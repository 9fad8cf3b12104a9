"""Suggestions while typing: what begins so, and in which order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.pipelines.store_search.search.client import NotIndexedError, suggest
from sync_pipeline_tests.pipelines.store_search.search.search_shop import product, published

pytestmark = pytest.mark.real_elasticsearch

PRODUCTS = [
    product(1, "Solid Oak Table", sku="TB-01", total_sold=900),
    product(2, "Oak Chair", total_sold=5, description="Goes with tables."),
    product(3, "Oak Bench", total_sold=70),
    product(4, "Crème Brûlée Torch", sku="CB-77"),
    product(5, "Donaudampfschifffahrtsgesellschaft Poster"),
]
CATEGORIES = [
    {"id": 1, "type": "category", "name": "Chairs", "path": "Home > Chairs", "is_visible": True},
    {"id": 1, "type": "page", "name": "Chair care", "path": "Chair care", "is_visible": True},
]

Suggest = Callable[..., Awaitable[list[str]]]


@pytest.fixture(scope="module")
def shop(elasticsearch_url: str) -> Iterator[str]:
    with published(elasticsearch_url, {"products": PRODUCTS, "categories": CATEGORIES}) as store_hash:
        yield store_hash


@pytest.fixture
def keys(elasticsearch_url: str, shop: str) -> Suggest:
    async def ask(prefix: str, **how: Any) -> list[str]:
        async with SearchCluster(url=elasticsearch_url) as cluster:
            return [hit["_id"] for hit in await suggest(cluster, shop, prefix, **how)]

    return ask


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("oak", ["product-3", "product-2", "product-1"]),
        ("oak ch", ["product-2"]),
        ("ta", ["product-1"]),
        ("creme bru", ["product-4"]),
        ("CRÈME", ["product-4"]),
        ("tb-0", ["product-1"]),
        ("donaudampfschifffahrtsgesell", ["product-5"]),
        *((nothing, []) for nothing in ("", "   ", "goes", "xyz", "care")),
    ],
)
async def test_names_and_skus_that_begin_so_are_suggested(keys: Suggest, typed: str, expected: list[str]) -> None:
    assert await keys(typed) == expected


async def test_categories_are_suggested_beside_products_and_pages_are_not(keys: Suggest) -> None:
    assert set(await keys("chair")) == {"product-2", "category-1"}
    assert len(await keys("oak", size=1)) == 1


async def test_a_suggestion_has_only_what_a_line_shows(elasticsearch_url: str, shop: str) -> None:
    async with SearchCluster(url=elasticsearch_url) as cluster:
        [hit] = await suggest(cluster, shop, "oak chair")
        assert hit["_source"] == {"type": "product", "name": "Oak Chair", "in_stock": True}
        with pytest.raises(NotIndexedError, match="no index yet"):
            await suggest(cluster, "nobody", "oak")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.text(max_size=40) | st.text("abc-\"'()*?~^:\\/+!{}[] ", max_size=200))
async def test_any_text_can_be_typed(keys: Suggest, typed: str) -> None:
    assert isinstance(await keys(typed), list)
