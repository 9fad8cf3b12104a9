"""Incremental and selective batches: what they write, what they leave alone, and how they count."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.pipelines.store_search.types import BatchType
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.pipelines.store_search.conftest import Shop

pytestmark = pytest.mark.real_elasticsearch


def stats(shop: Shop, batch_type: BatchType = BatchType.ALL, **options: Any) -> dict[str, Any]:
    """The figures of a batch that must complete."""
    batch, result = shop.run(batch_type, **options)
    assert result.success, batch.error
    assert batch.status == "completed"
    return batch.counts


def test_an_incremental_batch_without_changes_writes_nothing_and_moves_no_alias(shop: Shop):
    stats(shop)
    indices, documents = shop.indices(), shop.documents()
    counts = stats(shop, mode="incremental")
    for part in ("products", "categories", "blog_posts"):
        assert counts[part]["mode"] == "incremental"
        assert (counts[part]["written"], counts[part]["deleted"], counts[part]["absent"]) == (0, 0, 0)
    assert counts["categories"]["unchanged"] == 37
    assert counts["blog_posts"]["unchanged"] == 5
    assert shop.indices() == indices
    assert shop.documents() == documents


@pytest.mark.invariant("2.9", "3.2")
def test_only_what_changed_is_written(shop: Shop):
    stats(shop)
    indices = shop.indices()
    admin = shop.sandbox.admin
    admin.update(shop.hash, "products", 101, {"name": "Skerry Four-Seat Sofa"})
    admin.update(shop.hash, "products", 102, {"is_visible": False})
    admin.delete(shop.hash, "products", 103)
    new = admin.create(shop.hash, "products", {"name": "Brand-new Hammock", "price": 89})
    page = next(key for key in shop.documents() if key.startswith("page-"))
    admin.update(shop.hash, "pages", int(page.partition("-")[2]), {"name": "All about us"})
    counts = stats(shop, mode="incremental")
    products = counts["products"]
    assert (products["written"], products["deleted"], products["absent"]) == (2, 2, 1)
    assert (counts["categories"]["written"], counts["categories"]["deleted"]) == (1, 0)
    documents = shop.documents()
    assert documents["product-101"]["name"] == "Skerry Four-Seat Sofa"
    assert f"product-{new['id']}" in documents
    assert not {"product-102", "product-103"} & documents.keys()
    assert documents[page]["name"] == "All about us"
    assert shop.indices() == indices


@pytest.mark.invariant("2.9")
def test_products_follow_their_brand_and_their_category_although_nobody_dated_them(shop: Shop):
    stats(shop)
    before = shop.documents()
    sofa = before["product-101"]
    branded = {key for key, document in before.items() if document.get("brand") == sofa["brand"]}
    placed = {
        key
        for key, document in before.items()
        if any(path.startswith("Home > Living Room") for path in document.get("categories", []))
    }
    living_room = next(document["id"] for document in before.values() if document.get("path") == "Home > Living Room")
    brands = shop.sandbox.sandbox.stores[shop.hash].catalog.brands
    brand = next(record["id"] for record in brands.all() if record["name"] == sofa["brand"])
    shop.sandbox.admin.update(shop.hash, "brands", brand, {"name": "Harbour and Pine"})
    shop.sandbox.admin.update(shop.hash, "categories", living_room, {"name": "Lounge"})
    counts = stats(shop, BatchType.PRODUCT, mode="incremental")
    assert counts["products"]["written"] == len(branded | placed)
    after = shop.documents()
    assert {after[key]["brand"] for key in branded} == {"Harbour and Pine"}
    assert after["product-101"]["categories"] == ["Home > Lounge > Sofas"]
    assert stats(shop, BatchType.PRODUCT, mode="incremental")["products"]["written"] == 0


@pytest.mark.invariant("2.9")
def test_what_the_index_lacks_is_found_although_nobody_dated_it(shop: Shop):
    stats(shop)
    shop.delete_document("products", "product-110")
    counts = stats(shop, BatchType.PRODUCT, mode="incremental")
    assert counts["products"]["written"] == 1
    assert "product-110" in shop.documents()


def test_without_an_index_to_go_on_from_an_incremental_batch_is_a_full_one(shop: Shop):
    counts = stats(shop, mode="incremental")
    assert {counts[part]["mode"] for part in ("products", "categories", "blog_posts")} == {"full"}
    assert len(shop.served()) == 3


def test_an_index_of_another_mapping_is_built_anew_by_itself(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    stats(shop)
    before = shop.served()
    for module in ("live_index", "definition"):
        monkeypatch.setattr(f"sync_pipeline.pipelines.store_search.index.{module}.MAPPING_VERSION", 4711)
    counts = stats(shop, mode="incremental")
    assert counts["products"]["mode"] == "full"
    assert not before & shop.served()


@pytest.mark.invariant("4.1", "4.3")
@pytest.mark.parametrize("fault", [FaultKind.EMPTY_LIST, FaultKind.SHORT_LIST])
def test_an_incremental_batch_does_not_delete_what_a_short_listing_lacks(shop: Shop, fault: FaultKind):
    stats(shop)
    before = shop.documents()
    shop.sandbox.admin.inject(shop.hash, fault, path="*/v3/catalog/products", items=3)
    batch, result = shop.run(BatchType.PRODUCT, mode="incremental")
    assert not result.success
    assert batch.error["kind"] in {"delete_guard", "incomplete_listing"}
    assert shop.documents() == before


@pytest.mark.invariant("4.3")
@pytest.mark.parametrize("mode", ["incremental", "selective"])
def test_many_hidden_products_wait_for_a_person(shop: Shop, mode: str):
    stats(shop)
    before = shop.documents()
    numbers = shop.ids("products")[:30]
    for number in numbers:
        shop.sandbox.admin.update(shop.hash, "products", number, {"is_visible": False})
    options = {"mode": mode, **({"ids": [str(number) for number in numbers]} if mode == "selective" else {})}
    batch, _ = shop.run(BatchType.PRODUCT, **options)
    assert batch.error is not None and batch.error["kind"] == "delete_guard"
    assert shop.documents() == before
    counts = stats(shop, BatchType.PRODUCT, confirm_deletes=True, **options)
    assert counts["products"]["deleted"] == len(before.keys() - shop.documents().keys()) > 20


def test_a_selective_batch_does_the_named_ones_and_nothing_else(shop: Shop):
    stats(shop)
    admin = shop.sandbox.admin
    admin.update(shop.hash, "products", 101, {"name": "Named"})
    admin.update(shop.hash, "products", 104, {"name": "Not named"})
    admin.update(shop.hash, "products", 102, {"is_visible": False})
    admin.delete(shop.hash, "products", 103)
    indices = shop.indices()
    counts = stats(shop, BatchType.PRODUCT, mode="selective", ids=["101", "102", "103", "105"])
    products = counts["products"]
    assert (products["read"], products["absent"]) == (3, 1)
    assert (products["written"], products["deleted"], products["unchanged"]) == (1, 2, 1)
    documents = shop.documents()
    assert documents["product-101"]["name"] == "Named"
    assert documents["product-104"]["name"] != "Not named"
    assert not {"product-102", "product-103"} & documents.keys()
    assert shop.indices() == indices


def test_a_selection_may_name_documents_of_every_kind(shop: Shop):
    stats(shop)
    documents = shop.documents()
    category = next(key for key in documents if key.startswith("category-"))
    post = next(key for key in documents if key.startswith("post-"))
    shop.sandbox.admin.update(shop.hash, "posts", int(post.partition("-")[2]), {"title": "Rewritten"})
    counts = stats(shop, mode="selective", ids=[category, post, "page-4711"])
    assert (counts["categories"]["unchanged"], counts["categories"]["absent"]) == (1, 1)
    assert counts["blog_posts"]["written"] == 1
    assert shop.documents()[post]["title"] == "Rewritten"


def test_a_selective_batch_needs_an_index(shop: Shop):
    batch, _ = shop.run(BatchType.PRODUCT, mode="selective", ids=["101"])
    assert batch.status == "failed"
    assert "run a full batch before" in batch.error["message"]


def test_a_changed_stop_word_does_not_hide_the_index_from_incremental_batches(shop: Shop):
    stats(shop)
    shop.pipeline.stores.add_stop_words(shop.hash, ["please"])
    stats(shop, BatchType.STOP_WORDS)
    shop.sandbox.admin.update(shop.hash, "products", 101, {"name": "After the reindex"})
    counts = stats(shop, mode="incremental")
    assert (counts["products"]["mode"], counts["products"]["written"]) == ("incremental", 1)
