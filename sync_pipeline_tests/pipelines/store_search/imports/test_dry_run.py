"""A dry run says what the batch then does, and leaves no trace."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from sync_pipeline.batches.base import Base
from sync_pipeline.delivery.preview import Preview
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.imports.dry_run import dry_run
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.search.client import NotIndexedError
from sync_pipeline.pipelines.store_search.types import BatchType, Part
from sync_pipeline_tests.pipelines.store_search.conftest import Shop

pytestmark = pytest.mark.real_elasticsearch


def preview(shop: Shop, batch_type: BatchType = BatchType.ALL, **options: Any) -> dict[Part, Preview]:
    return asyncio.run(dry_run(shop.pipeline, store_request(shop.hash, batch_type, **options)))


def traces(shop: Shop) -> list[Any]:
    """Everything that a batch would change."""
    with shop.pipeline.ledger.engine.connect() as connection:
        rows: list[Any] = [
            sorted(map(str, connection.execute(table.select()))) for table in Base.metadata.sorted_tables
        ]
        rows.append(connection.execute(text("SELECT last_value FROM sync_pipeline.record_version")).all())
    return [rows, shop.indices(), shop.documents() if shop.indices() else None]


def edit(shop: Shop) -> None:
    admin = shop.sandbox.admin
    admin.update(shop.hash, "products", 101, {"name": "Skerry Four-Seat Sofa"})
    admin.update(shop.hash, "products", 102, {"is_visible": False})
    admin.update(shop.hash, "products", 104, {"name": ""})
    admin.delete(shop.hash, "products", 103)
    admin.create(shop.hash, "products", {"name": "Hammock", "price": 89})


def test_before_the_first_batch_everything_would_be_created(shop: Shop):
    before = traces(shop)
    found = preview(shop)
    assert {part: one.create for part, one in found.items()} == {
        Part.PRODUCTS: 52,
        Part.CATEGORIES: 37,
        Part.BLOG_POSTS: 5,
    }
    assert found[Part.PRODUCTS].filtered == 2
    assert traces(shop) == before


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_it_says_what_the_batch_would_create_update_and_delete(shop: Shop, mode: str):
    shop.run_plain()
    edit(shop)
    before = traces(shop)
    products = preview(shop, mode=mode)[Part.PRODUCTS]
    assert (products.create, products.update, products.dead_lettered) == (1, 1, 1)
    [change] = products.sample
    assert change == {"key": "product-101", "fields": change["fields"]}
    assert change["fields"]["name"] == ['"Skerry Three-Seat Sofa"', '"Skerry Four-Seat Sofa"']
    assert traces(shop) == before


def test_an_incremental_dry_run_counts_as_the_batch_does(shop: Shop):
    shop.run_plain()
    edit(shop)
    expected = preview(shop, mode="incremental")
    counts = shop.run_plain(mode="incremental").counts
    for part, one in expected.items():
        stats = counts[part]
        assert (one.create + one.update, one.delete) == (stats["written"], stats["deleted"])
        assert (one.unchanged, one.filtered) == (stats["unchanged"], stats["filtered"])
        assert one.dead_lettered == stats["dead_lettered"]


def test_a_selective_dry_run_looks_at_the_named_ones(shop: Shop):
    with pytest.raises(NotIndexedError):
        preview(shop, BatchType.PRODUCT, mode="selective", ids=["101"])
    shop.run_plain()
    edit(shop)
    found = preview(shop, BatchType.PRODUCT, mode="selective", ids=["101", "103", "105"])[Part.PRODUCTS]
    assert (found.update, found.delete, found.unchanged) == (1, 1, 1)


def test_words_have_no_dry_run(shop: Shop):
    with pytest.raises(UsageError, match="a dry run is for records"):
        preview(shop, BatchType.SYNONYMS)
