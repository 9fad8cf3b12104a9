from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from datetime import UTC, timedelta, timezone

import httpx
import msgspec
import pytest

from sync_pipeline.connectors.bigcommerce.errors import BadAnswerError, IncompleteListingError
from sync_pipeline.connectors.bigcommerce.listing import MalformedRecord
from sync_pipeline.connectors.bigcommerce.records import Product
from sync_pipeline_tests.clocks import ManualClock
from sync_pipeline_tests.connectors.bigcommerce.support import Versions, all_pages, all_records, open_catalog

PRODUCTS = "/v3/catalog/products"


def held(store) -> dict[int, Product]:
    return {number: msgspec.convert(store.holds.products.whole(number), Product) for number in store.holds.products.ids}


@pytest.mark.parametrize("count", [0, 1, 249, 250, 251, 1001, 3000])
async def test_all_products_are_read_once_and_whole(open_store, count):
    store = open_store(products=count)

    async with store.catalog() as catalog:
        products = await all_records(catalog.products())

    assert len(products) == count
    assert {product.id: product for product in products} == held(store)


async def test_gaps_in_the_ids_lose_nothing(open_store):
    store = open_store(products=2500)
    for number in [*range(1, 700), *range(900, 1800), 2500]:
        store.holds.products.remove(number)

    async with store.catalog() as catalog:
        products = await all_records(catalog.products())

    assert sorted(product.id for product in products) == list(store.holds.products.ids)


async def test_a_listing_costs_few_requests(open_store):
    store = open_store(products=3000)

    async with store.catalog() as catalog:
        await all_records(catalog.products())

    # 12 pages of 250, one question for the largest id, and half a page for each of the ranges that were split.
    assert sum(store.requests(PRODUCTS).values()) <= 12 + 1 + 4


async def test_only_what_is_asked_for_is_included(store):
    async with store.catalog() as catalog, aclosing(catalog.products(include=("channels",))) as pages:
        product = (await anext(pages)).records[0]

    assert product.channels is not None
    assert product.variants is None


@pytest.mark.invariant("2.4")
async def test_each_page_has_a_version_drawn_before_its_request(open_store):
    store, versions = open_store(products=2000), Versions()

    async with store.catalog(versions=versions) as catalog:
        pages = await all_pages(catalog.products())

    numbers = [page.version for page in pages]
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) == versions.drawn == len(numbers), "one for each request, and none after its answer"
    assert {page.total for page in pages} == {2000}


async def test_products_made_and_deleted_while_reading_do_not_hide_others(open_store):
    store = open_store(products=1500)
    stays = set(range(1, 1501)) - set(range(1, 15))
    read: Counter[int] = Counter()

    async with store.catalog() as catalog:
        async for page in catalog.products():
            read.update(record.id for record in page.records)
            if number := next(iter(set(range(1, 15)) & set(store.holds.products.ids)), None):
                store.holds.products.remove(number)
                store.admin.create(store.hash, "products", {"name": "New"})

    assert all(read[number] == 1 for number in stays)
    assert max(read.values()) == 1


async def test_products_deleted_before_they_are_reached_are_no_loss(open_store):
    store = open_store(products=1500)

    async with store.catalog() as catalog:
        pages = catalog.products()
        read = [record.id for record in (await anext(pages)).records]
        for number in range(1481, 1501):
            store.holds.products.remove(number)
        read += await all_records_ids(pages)

    assert sorted(read) == list(range(1, 1481))


async def all_records_ids(pages) -> list[int]:
    return [record.id for record in await all_records(pages)]


@pytest.mark.invariant("4.2")
async def test_a_loss_of_a_large_part_while_reading_is_not_believed(open_store):
    store = open_store(products=1500)

    async with store.catalog() as catalog:
        pages = catalog.products()
        await anext(pages)
        for number in range(1200, 1501):
            store.holds.products.remove(number)
        with pytest.raises(IncompleteListingError, match="announced 1,500 records and 1,199 at its end"):
            await all_records(pages)


@pytest.mark.invariant("4.1")
@pytest.mark.parametrize("after", [0, 1, 2, 4, 6])
@pytest.mark.parametrize(("kind", "options"), [("empty_list", {}), ("short_list", {"items": 40})])
async def test_a_list_that_is_wrongly_short_is_never_taken_for_complete(open_store, kind, options, after):
    store = open_store(products=1500)
    store.inject(kind, path=PRODUCTS, count=1, after=after, **options)

    read: set[int] = set()
    error: IncompleteListingError | None = None
    async with store.catalog() as catalog:
        try:
            async for page in catalog.products():
                read.update(record.id for record in page.records)
        except IncompleteListingError as raised:
            error = raised

    assert error or read == set(range(1, 1501)), "either an error, or nothing is missing"


@pytest.mark.invariant("4.1")
async def test_a_listing_that_does_not_tell_its_total_is_an_error():
    untold = httpx.MockTransport(lambda request: httpx.Response(200, json={"data": [], "meta": {}}))
    where = {"base_url": "https://api.example.com", "store_hash": "abc", "transport": untold}

    async with open_catalog(ManualClock(), **where) as catalog:
        with pytest.raises(BadAnswerError, match="total"):
            await all_records(catalog.products())


@pytest.mark.invariant("6.6")
async def test_a_malformed_product_is_told_apart_and_the_rest_goes_on(store):
    store.admin.update(store.hash, "products", 300, {"description": {"not": "text"}})

    async with store.catalog() as catalog:
        records = await all_records(catalog.products())

    [malformed] = [record for record in records if isinstance(record, MalformedRecord)]
    assert malformed.id == 300
    assert "description" in malformed.message
    assert msgspec.json.decode(malformed.raw)["description"] == {"not": "text"}
    assert len(records) == 600


@pytest.mark.parametrize("number", [250, 600])
async def test_a_malformed_product_at_the_end_of_a_page_does_not_stop_the_paging(store, number):
    store.admin.update(store.hash, "products", number, {"is_visible": "maybe"})

    async with store.catalog() as catalog:
        records = await all_records(catalog.products())

    assert sorted(record.id for record in records) == list(range(1, 601))


async def test_products_modified_since_a_time_and_their_number(store):
    store.clock.advance(3600)
    async with store.catalog() as catalog:
        since = await catalog.store_time()
        for number in (5, 77, 400):
            store.admin.update(store.hash, "products", number, {"name": "Changed"})
        store.clock.advance(60)

        changed = await all_records(catalog.products(modified_since=since))

        assert sorted(product.id for product in changed) == [5, 77, 400]
        assert await catalog.count_products(modified_since=since) == 3
        assert await catalog.count_products() == 600
        elsewhere = since.astimezone(timezone(timedelta(hours=5))) + timedelta(seconds=1)
        assert await catalog.count_products(modified_since=elsewhere) == 0
        assert since.tzinfo is UTC


async def test_chosen_products_and_those_that_are_not_there(store):
    store.admin.delete(store.hash, "products", 20)
    wanted = [*range(1, 301), 10_001, 20]

    async with store.catalog() as catalog:
        pages = await all_pages(catalog.products_by_id(wanted))

    assert sorted(product.id for page in pages for product in page.records if product.id) == [
        *range(1, 20),
        *range(21, 301),
    ]
    assert [number for page in pages for number in page.absent] == [20, 10_001]
    assert all(page.version for page in pages)
    assert sum(store.requests(PRODUCTS).values()) == 2


async def test_chosen_products_that_are_all_gone_still_have_a_version(store):
    async with store.catalog() as catalog:
        [page] = await all_pages(catalog.products_by_id([9001, 9002]))

    assert (page.records, page.absent, page.version) == ([], (9001, 9002), 1)


async def test_no_chosen_products_are_no_request(store):
    async with store.catalog() as catalog:
        assert await all_pages(catalog.products_by_id([])) == []

    assert store.requests(PRODUCTS) == {}


async def test_a_malformed_chosen_product_is_not_absent(store):
    store.admin.update(store.hash, "products", 2, {"is_visible": None})

    async with store.catalog() as catalog:
        [page] = await all_pages(catalog.products_by_id([1, 2, 3]))

    assert page.absent == ()
    assert [record.id for record in page.records] == [1, 2, 3]


async def test_nothing_is_absent_while_a_record_could_be_any(store):
    store.holds.products.edited[2] = {**store.holds.products.whole(2), "id": None}

    async with store.catalog() as catalog:
        [page] = await all_pages(catalog.products_by_id([1, 2, 3, 9999]))

    assert page.absent == ()
    assert [record.id for record in page.records] == [1, None, 3]


async def test_chosen_products_come_in_one_page_with_the_lowest_version_also_when_read_in_parts(store):
    store.inject("504", path=PRODUCTS, count=1)

    async with store.catalog() as catalog:
        [page] = await all_pages(catalog.products_by_id(range(1, 251)))

    assert len(page.records) == 250
    assert page.version == 2, "drawn for the second attempt, before the second half"


async def test_leaving_a_listing_early_stops_its_requests(open_store):
    store = open_store(products=3000)
    async with store.catalog() as catalog:
        async with aclosing(catalog.products()) as pages:
            await anext(pages)
            await anext(pages)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await catalog.store()

    # The two first requests, two pages taken, two waiting, and one under way for each of four workers.
    assert sum(store.requests(PRODUCTS).values()) <= 2 + 2 + 2 + 4
