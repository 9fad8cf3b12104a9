"""The connector on a store in trouble: what passes is survived without a trace, what does not is one clear error."""

from __future__ import annotations

import pytest

from sync_pipeline.connectors.bigcommerce import errors
from sync_pipeline_tests.connectors.bigcommerce.support import all_records, open_catalog

PRODUCTS = "/v3/catalog/products"
PASSING = ["429", "429_bare", "500", "503", "504", "cut_before_answer", "cut_in_body", "truncated_json", "html"]


@pytest.mark.invariant("6.2")
@pytest.mark.parametrize("kind", PASSING)
@pytest.mark.parametrize("after", [0, 1, 4])
async def test_a_passing_fault_loses_no_product(open_store, kind, after):
    store = open_store(products=1500)
    store.inject(kind, path=PRODUCTS, after=after, count=2)

    async with store.catalog() as catalog:
        products = await all_records(catalog.products())

    assert sorted(product.id for product in products) == list(range(1, 1501))
    assert store.requests(PRODUCTS)["200"] >= 6


@pytest.mark.invariant("6.2")
@pytest.mark.parametrize("kind", PASSING)
async def test_a_passing_fault_loses_no_record_of_a_collection(open_store, kind):
    store = open_store(products=1, posts=600)
    store.inject(kind, path="/v2/blog/*", after=1, count=2)

    async with store.catalog() as catalog:
        assert len(await all_records(catalog.blog_posts())) == 600


@pytest.mark.invariant("6.2")
async def test_a_store_where_every_third_answer_fails_is_read_whole(open_store):
    store = open_store(products=2000)
    for seed, kind in enumerate(["500", "cut_in_body", "truncated_json", "429"]):
        store.inject(kind, path=PRODUCTS, probability=0.1, seed=seed)

    async with store.catalog() as catalog:
        products = await all_records(catalog.products())

    assert sorted(product.id for product in products) == list(range(1, 2001))


@pytest.mark.invariant("4.1", "7.7")
@pytest.mark.parametrize(
    ("kind", "expected", "exit_status"),
    [
        ("500", errors.StoreUnavailableError, 3),
        ("503", errors.StoreUnavailableError, 3),
        ("504", errors.StoreUnavailableError, 3),
        ("429", errors.RateLimitedError, 3),
        ("429_bare", errors.RateLimitedError, 3),
        ("cut_before_answer", errors.UnreachableError, 3),
        ("cut_in_body", errors.UnreachableError, 3),
        ("truncated_json", errors.BadAnswerError, 1),
        ("html", errors.BadAnswerError, 1),
        ("wrong_token", errors.UnauthorizedError, 1),
    ],
)
async def test_a_lasting_fault_in_the_middle_ends_the_listing_with_its_own_error(
    open_store, kind, expected, exit_status
):
    store = open_store(products=1500)
    store.inject(kind, path=PRODUCTS, after=4)

    async with store.catalog() as catalog:
        with pytest.raises(expected) as raised:
            await all_records(catalog.products())

    assert raised.value.exit_status == exit_status
    assert store.hash in str(raised.value)
    assert f"{store.hash}-token" not in str(raised.value)


@pytest.mark.invariant("4.5")
@pytest.mark.parametrize(
    ("status", "expected"), [("suspended", errors.StoreUnavailableError), ("uninstalled", errors.UnauthorizedError)]
)
@pytest.mark.parametrize("listing", ["products", "categories", "pages", "blog_posts"])
async def test_a_store_that_is_suspended_or_gone_is_an_error_and_no_empty_listing(store, status, expected, listing):
    store.admin.configure(store.hash, status=status)

    async with store.catalog() as catalog:
        with pytest.raises(expected):
            await all_records(getattr(catalog, listing)())


@pytest.mark.invariant("4.5")
async def test_a_missing_scope_is_named(store):
    store.admin.configure(store.hash, scopes=["store_v2_products_read_only"])

    async with store.catalog() as catalog:
        with pytest.raises(errors.MissingScopeError, match="scope store_v2_content_read_only"):
            await all_records(catalog.blog_posts())


async def test_a_server_that_is_not_there_is_an_error_after_a_minute(store):
    async with open_catalog(store.clock, base_url="http://127.0.0.1:1", store_hash="abc") as catalog:
        with pytest.raises(errors.UnreachableError) as raised:
            await catalog.store()

    assert raised.value.exit_status == 3
    assert sum(store.clock.slept) == 62


async def test_a_small_quota_shared_with_another_app_is_enough(open_store):
    store = open_store(products=2000)
    store.admin.configure(store.hash, quota=5, window=30.0)
    drawn = 0

    async def with_another_app() -> int:
        nonlocal drawn
        drawn += 1
        if drawn % 3 == 0:
            store.admin.use_quota(store.hash, 3)
        return drawn

    async with store.catalog(versions=with_another_app) as catalog:
        products = await all_records(catalog.products())

    assert len(products) == 2000
    assert max(store.clock.slept) <= 31


async def test_without_another_app_no_request_is_refused(open_store):
    store = open_store(products=3000)
    store.admin.configure(store.hash, quota=4, window=30.0)

    async with store.catalog() as catalog:
        assert len(await all_records(catalog.products())) == 3000

    assert store.admin.counters(store.hash).rate_limited <= 2, "only the first requests go before the quota is known"


async def test_pages_that_are_too_much_for_the_service_are_made_smaller(open_store):
    store = open_store(products=1500)
    store.inject("500", path=PRODUCTS, after=2, count=4)

    async with store.catalog() as catalog:
        assert len(await all_records(catalog.products())) == 1500

    assert store.requests(PRODUCTS)["200"] > 9
