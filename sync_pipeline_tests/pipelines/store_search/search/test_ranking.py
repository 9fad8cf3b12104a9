"""What decides the order of hits: the name above all, then stock, sales and ratings, mildly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest

from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.pipelines.store_search.search.request import Sort, search_body
from sync_pipeline_tests.pipelines.store_search.search.search_shop import named, product, published

pytestmark = pytest.mark.real_elasticsearch

LOVED: dict[str, Any] = {"total_sold": 10_000_000, "rating_average": 5.0, "review_count": 900}
NAMED = {"in_stock": False, "total_sold": 0}
PRODUCTS = [
    # The word of the names is common there and rare in texts, where its weight is the greatest.
    *(product(number, f"Kettle Model {number}", **NAMED, calculated_price=float(number)) for number in range(1, 41)),
    product(50, "Stove", description="Goes with a kettle. " * 5, **LOVED, date_created="2024-05-01T00:00:00Z"),
    product(51, "Hob", brand="Kettle", **LOVED),
    product(60, "Wool Scarf", total_sold=3, calculated_price=20.0),
    product(61, "Silk Scarf", total_sold=4000, calculated_price=60.0),
    product(62, "Cotton Scarf", rating_average=4.9, review_count=30),
    product(63, "Hemp Scarf", total_sold=-4, rating_average=0.0),
    product(64, "Headtorch 400"),
    product(65, "Sound Bar"),
    product(66, "Camp Lantern", brand="Northlight", custom_fields=named(Waterproof="IPX4")),
    product(67, "ALPHA lamp", date_created="2023-01-01T00:00:00Z"),
]
POSTS = [{"id": 1, "type": "post", "title": "Zebra", "tags": [], "published_at": "2025-01-01T00:00:00Z"}]

Find = Callable[..., Awaitable[Sequence[str]]]


@pytest.fixture(scope="module")
def shop(elasticsearch_url: str) -> Iterator[str]:
    with published(elasticsearch_url, {"products": PRODUCTS, "blog": POSTS}) as store_hash:
        yield f"store-{store_hash}"


@pytest.fixture
def find(elasticsearch_url: str, shop: str) -> Find:
    async def keys(query: str, **how: Any) -> list[str]:
        async with SearchCluster(url=elasticsearch_url) as cluster:
            answer = await cluster.client.search(index=shop, body=search_body(query, **how))
            return [hit["_id"] for hit in answer["hits"]["hits"]]

    return keys


async def test_no_sale_and_no_stock_lifts_a_text_above_a_name(find: Find) -> None:
    found = await find("kettle", size=50)
    assert len(found) == 42
    assert set(found[-2:]) == {"product-50", "product-51"}


async def test_sales_and_ratings_decide_between_equal_names(find: Find) -> None:
    found = await find("scarf")
    assert found[0] == "product-61"
    assert set(found[:2]) < {"product-60", "product-61", "product-62"}
    assert found[-1] == "product-63"


async def test_an_empty_search_begins_with_what_sells(find: Find) -> None:
    assert set((await find(""))[:2]) == {"product-50", "product-51"}


@pytest.mark.parametrize(
    ("query", "key"),
    [
        *(("head torch", "product-64"), ("head torches", "product-64"), ("soundbar", "product-65")),
        *(("nortlight lantern", "product-66"), ("waterproof lantern", "product-66"), ("soundbars", "product-65")),
        *(("nortlight", "product-66"), ("waterproof", "product-66")),
    ],
)
async def test_words_apart_together_and_misspelt_brands_are_found(find: Find, query: str, key: str) -> None:
    assert (await find(query))[0] == key


async def test_sorting_puts_what_lacks_the_field_last(find: Find) -> None:
    by_price = await find("scarf", sort=Sort.PRICE_ASC)
    assert by_price[:2] == ["product-60", "product-61"]
    assert (await find("scarf", sort=Sort.PRICE_DESC))[:2] == ["product-61", "product-60"]
    assert len(by_price) == 4
    assert (await find("", sort=Sort.NEWEST))[:3] == ["product-50", "product-67", "post-1"]
    names = await find("", sort=Sort.NAME, size=100)
    assert names[:2] == ["product-67", "product-66"]
    assert names[-1] == "post-1"
    assert len(names) == len(PRODUCTS) + len(POSTS)


async def test_pages_of_equal_hits_show_each_once(find: Find) -> None:
    pages = [await find("kettle", size=10, from_=start) for start in range(0, 42, 10)]
    assert sorted(key for page in pages for key in page) == sorted(await find("kettle", size=50))
