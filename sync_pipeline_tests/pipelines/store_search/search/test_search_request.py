"""What a shopper finds with the search request, and in which order, on an engine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.pipelines.store_search.search.request import MAX_QUERY, search_body
from sync_pipeline_tests.pipelines.store_search.search.search_shop import SHOP, SYNONYMS, published

pytestmark = pytest.mark.real_elasticsearch

Search = Callable[..., Coroutine[Any, Any, list[dict[str, Any]]]]
Find = Callable[..., Coroutine[Any, Any, list[str]]]


@pytest.fixture(scope="module")
def shop(elasticsearch_url: str) -> Iterator[str]:
    with published(elasticsearch_url, SHOP, synonyms=SYNONYMS) as store_hash:
        yield f"store-{store_hash}"


@pytest.fixture
async def search(elasticsearch_url: str, shop: str) -> AsyncIterator[Search]:
    async with SearchCluster(url=elasticsearch_url) as cluster:

        async def hits(query: str, **how: Any) -> list[dict[str, Any]]:
            answer = await cluster.client.search(index=shop, body=search_body(query, **how))
            return answer["hits"]["hits"]

        yield hits


@pytest.fixture
def find(search: Search) -> Find:
    async def keys(query: str, **how: Any) -> list[str]:
        return [hit["_id"] for hit in await search(query, **how)]

    return keys


@pytest.mark.parametrize("query", ["GH-01/B", "gh-01/b", "gh01b", "GH 01 B", "LS-06-BLUE-L", "ls06bluel"])
async def test_a_sku_finds_its_product_first_however_it_is_written(find: Find, query: str) -> None:
    assert (await find(query))[0] == ("product-1" if query.upper().startswith("G") else "product-6")


async def test_a_name_ranks_above_an_attribute_and_an_attribute_above_a_description(find: Find) -> None:
    assert await find("pearl bracelet") == ["product-3", "product-5"]
    assert await find("canvas bag") == ["product-4", "product-5"]
    assert await find("14k") == ["product-3"]


async def test_words_in_the_order_of_the_name_rank_first(find: Find) -> None:
    assert await find("stand mixer") == ["product-15", "product-16"]
    assert await find("mixer stand") == ["product-16", "product-15"]


@pytest.mark.parametrize(
    ("query", "key"),
    [
        *(("14k gold", "product-3"), ("forest green", "product-4"), ("aurelia", "product-3")),
        *(("media unit", "product-12"), ("shirts", "product-6"), ("men cotton", "product-13")),
        *(("creme brulee", "product-11"), ("returns", "page-2"), ("caring for a pearl", "post-1")),
        *(("jewelry", "post-1"), ("lamp", "category-1"), ("hoops", "product-1")),
    ],
)
async def test_what_a_document_says_anywhere_finds_it(find: Find, query: str, key: str) -> None:
    assert key in await find(query)


@pytest.mark.parametrize(
    ("query", "key"),
    [
        *(("phone case", "product-7"), ("phone", "product-7"), ("mobile case", "product-7")),
        *(("tv", "product-12"), ("tv stand", "product-12"), ("ear ring", "product-1"), ("tshirt", "product-13")),
        *(("the phone case", "product-7"), ("a tv", "product-12")),
    ],
)
async def test_synonyms_find_with_and_without_stop_words(find: Find, query: str, key: str) -> None:
    assert (await find(query))[0] == key


async def test_stop_words_do_not_narrow_a_search(find: Find) -> None:
    assert set(await find("the lamp for the desk")) >= {"product-8"}
    assert await find("lamp with the") == await find("lamp")


async def test_a_search_of_stop_words_only_still_finds(find: Find) -> None:
    assert await find("to be or") == ["product-10"]
    assert set(await find("for")) == {"product-14", "post-1"}


async def test_most_words_of_a_long_search_are_enough_and_few_are_not(find: Find) -> None:
    assert (await find("fits one pearl bracelet nicely"))[0] == "product-5"
    assert await find("bag") != []
    assert await find("bag spaceship") == []


async def test_words_may_be_spread_over_fields(find: Find) -> None:
    assert (await find("gold bracelet aurelia"))[0] == "product-3"
    assert (await find("large forest green canvas rucksack"))[0] == "product-4"


@pytest.mark.parametrize("query", ["braclet", "pearl bracelett", "brac", "golden hoop ear"])
async def test_a_name_is_found_mildly_misspelt_or_begun(find: Find, query: str) -> None:
    assert (await find(query))[0] in {"product-1", "product-3"}


async def test_short_words_must_be_right(find: Find) -> None:
    assert await find("bog") == []


async def test_what_is_out_of_stock_comes_later_but_comes(find: Find) -> None:
    found = await find("lamp", types=["product"])
    assert found == ["product-9", "product-8"]


@pytest.mark.parametrize(
    ("how", "keys"),
    [
        ({"brands": ["Lumen"]}, ["product-1", "product-2"]),
        ({"brands": ["Lumen", "Aurelia"], "price_from": 45}, ["product-1", "product-3"]),
        ({"categories": ["Accessories > Cases"]}, ["product-7"]),
        ({"options": {"Color": "Red"}}, ["product-6"]),
        ({"options": {"Color": "Forest Green", "Size": "Large"}}, ["product-4"]),
        ({"options": {"Size": "Forest Green"}}, []),
        ({"custom_fields": {"Material": "14K Gold"}}, ["product-3"]),
        ({"in_stock": False}, ["product-8"]),
        ({"types": ["page", "post"]}, ["page-2", "post-1"]),
        ({"price_to": 9}, ["product-14", "product-5"]),
    ],
    ids=str,
)
async def test_filters_add_up(find: Find, how: dict[str, Any], keys: list[str]) -> None:
    assert sorted(await find("", **how)) == keys


async def test_filters_narrow_a_search(find: Find) -> None:
    assert await find("hoop earrings", brands=["Lumen"], price_to=40) == ["product-2"]


async def test_an_empty_search_lists_everything_page_by_page(find: Find) -> None:
    total = sum(map(len, SHOP.values()))
    assert len(await find("  ", size=100)) == total
    pages = [await find("", size=7, from_=start) for start in range(0, total, 7)]
    assert sum(map(len, pages)) == total


async def test_matches_are_marked_in_escaped_text_and_internals_are_left_out(search: Search) -> None:
    (by_name,) = await search("candle")
    assert by_name["highlight"]["name"] == ["<em>Candle</em> &lt;Large&gt; &amp; Small"]
    (by_text,) = await search("burns")
    assert by_text["highlight"]["description"] == ["<em>Burns</em> for 40 hours &amp; more"]
    assert "sync" not in by_text["_source"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=40) | st.text("abc-\"'()*?~^:\\/+!{}[]", max_size=300))
async def test_any_text_is_a_search(search: Search, query: str) -> None:
    assert isinstance(await search(query), list)


async def test_a_very_long_text_is_cut_and_still_a_search(find: Find) -> None:
    assert await find("lamp " * 10_000)
    assert "x" * (MAX_QUERY + 1) not in json.dumps(search_body("x" * 1000))
