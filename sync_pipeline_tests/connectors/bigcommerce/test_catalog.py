from __future__ import annotations

import msgspec
import pytest

from sync_pipeline.connectors.bigcommerce import records
from sync_pipeline.connectors.bigcommerce.errors import IncompleteListingError, UnauthorizedError
from sync_pipeline.connectors.bigcommerce.listing import MalformedRecord
from sync_pipeline.connectors.bigcommerce.scopes import Scope
from sync_pipeline_tests.connectors.bigcommerce.support import all_pages, all_records

CATEGORIES = "/v3/catalog/trees/categories"


async def test_a_store_tells_about_itself(store):
    async with store.catalog() as catalog:
        told = await catalog.store()
        time = await catalog.store_time()

    assert (told.id, told.name) == (store.hash, store.holds.info["name"])
    assert time == store.clock.now()


@pytest.mark.parametrize(
    ("listing", "held", "record_type"),
    [
        ("channels", "channels", records.Channel),
        ("sites", "sites", records.Site),
        ("trees", "trees", records.Tree),
        ("categories", "categories", records.Category),
        ("brands", "brands", records.Brand),
        ("pages", "pages", records.Page),
        ("blog_posts", "posts", records.BlogPost),
    ],
)
async def test_each_collection_is_read_whole(open_store, listing, held, record_type):
    store = open_store(products=10, pages=600, posts=520)

    async with store.catalog() as catalog:
        pages = await all_pages(getattr(catalog, listing)())

    expected = getattr(store.holds, held)
    read = [record for page in pages for record in page.records]
    by_id = {getattr(record, expected.key): record for record in read}
    assert by_id == {record[expected.key]: msgspec.convert(record, record_type) for record in expected.all()}
    assert len(read) == len(expected) > 0
    assert [page.version for page in pages] == list(range(1, len(pages) + 1))
    assert {page.total for page in pages} == {len(expected)}


async def test_pages_can_be_read_without_their_bodies(store):
    async with store.catalog() as catalog:
        assert all(page.body is None for page in await all_records(catalog.pages(include_body=False)))
        assert any(page.body for page in await all_records(catalog.pages()))


async def test_an_empty_collection_is_empty(open_store):
    store = open_store(products=0, pages=0, posts=0)

    async with store.catalog() as catalog:
        assert await all_records(catalog.blog_posts()) == []
        assert await all_records(catalog.pages()) == []
        assert await all_records(catalog.products()) == []


async def test_a_malformed_record_of_a_collection_is_told_apart(store):
    number = store.holds.categories.all()[0]["category_id"]
    store.admin.update(store.hash, "categories", number, {"description": ["not", "text"]})

    async with store.catalog() as catalog:
        categories = await all_records(catalog.categories())

    assert [record.id for record in categories if isinstance(record, MalformedRecord)] == [number]
    assert len(categories) == len(store.holds.categories)


async def test_a_record_deleted_while_reading_hides_no_other(open_store):
    store = open_store(products=1, pages=600)
    first = store.holds.pages.all()[0]["id"]

    async with store.catalog() as catalog:
        catalog._next_version = delete_before_the_second_page(store, first)
        read = [record.id for record in await all_records(catalog.pages())]

    assert sorted(read) == [page["id"] for page in store.holds.pages.all()]
    assert first not in read


def delete_before_the_second_page(store, number: int):
    """Versions, where drawing the second one, that of the second page, finds a page of the first gone."""
    drawn = 0

    async def next_version() -> int:
        nonlocal drawn
        drawn += 1
        if drawn == 2:
            store.admin.delete(store.hash, "pages", number)
        return drawn

    return next_version


async def test_a_record_that_comes_twice_is_kept_once_as_it_was_last(open_store):
    store = open_store(products=1, posts=300)
    drawn = 0

    async def next_version() -> int:
        nonlocal drawn
        drawn += 1
        if drawn == 2:  # A new post comes first, and moves the last of the first page to the second.
            store.admin.create(store.hash, "posts", {"title": "News", "published_date_iso8601": "2030-01-01T00:00:00Z"})
        return drawn

    async with store.catalog() as catalog:
        catalog._next_version = next_version
        pages = await all_pages(catalog.blog_posts())

    numbers = [record.id for page in pages for record in page.records]
    assert len(numbers) == len(set(numbers)) == 300
    assert [len(page.records) for page in pages] == [249, 51]


@pytest.mark.invariant("4.1")
@pytest.mark.parametrize("listing", ["channels", "sites", "trees", "categories", "brands", "pages", "blog_posts"])
@pytest.mark.parametrize(("kind", "options"), [("empty_list", {}), ("short_list", {"items": 1})])
@pytest.mark.parametrize("after", [0, 1])
async def test_a_collection_that_is_once_wrongly_short_is_read_again(open_store, listing, kind, options, after):
    store = open_store(products=1)
    store.inject(kind, count=1, after=after, **options)

    async with store.catalog() as catalog:
        read = await all_records(getattr(catalog, listing)())

    assert len(read) == len(getattr(store.holds, "posts" if listing == "blog_posts" else listing))


@pytest.mark.invariant("4.1")
async def test_a_collection_that_stays_short_of_what_it_announces_is_an_error(store):
    store.inject("empty_list", path="/v2/blog/posts")

    async with store.catalog() as catalog:
        with pytest.raises(
            IncompleteListingError, match=r"blog posts announced 40 records but gave 0, 3 times in a row"
        ):
            await all_records(catalog.blog_posts())


async def test_smaller_pages_in_the_middle_lose_nothing(open_store):
    store = open_store(products=1, pages=600)
    store.inject("504", path="/v3/content/pages", after=2, count=3)

    async with store.catalog() as catalog:
        read = await all_records(catalog.pages())

    assert sorted(page.id for page in read) == [page["id"] for page in store.holds.pages.all()]


async def test_scopes_are_probed_one_by_one(store):
    store.admin.configure(store.hash, scopes=["store_v2_products", "store_v2_information_read_only"])

    async with store.catalog() as catalog:
        assert await catalog.probe_scopes() == {
            Scope.PRODUCTS: True,
            Scope.CONTENT: False,
            Scope.INFORMATION: True,
            Scope.CHANNELS: False,
            Scope.SITES: False,
        }


async def test_a_wrong_token_is_no_missing_scope(store):
    async with store.catalog(token="of-another-store") as catalog:
        with pytest.raises(UnauthorizedError):
            await catalog.probe_scopes()
