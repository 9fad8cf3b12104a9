"""Records that the search cluster refuses: they alone are given up, in few requests, and all others are delivered."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from copy import deepcopy
from math import ceil, log2
from typing import Any

import pytest

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.delivery.books import balances
from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.operations import Operation, Outcome, Rejected
from sync_pipeline.pipelines.store_search.index import build as builds
from sync_pipeline.pipelines.store_search.index import definition as index_definition
from sync_pipeline_tests.bulk_harms import items_refused, too_large
from sync_pipeline_tests.connectors.elasticsearch.stores import new_index, own_store, upsert
from sync_pipeline_tests.fault_proxy import FaultProxy, refused
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.delivery_faults.faulty_search import PRODUCTS
from sync_pipeline_tests.pipelines.store_search.imports.odd_records import dead_letters

pytestmark = [pytest.mark.chaos, pytest.mark.real_elasticsearch]

#: What who knew the bad record of a refused chunk would need: the refused request, that record alone, all others.
NEEDED = 3


def products(shop: Shop) -> list[str]:
    return [key for key in shop.documents() if key.startswith("product-")]


@pytest.mark.invariant("6.1", "6.5", "6.6")
@pytest.mark.parametrize("bad", [101, 126, 154])
def test_a_chunk_refused_for_one_document_costs_few_requests_and_that_document(
    shop: Shop, faulty: Shop, proxy: FaultProxy, bad: int
):
    proxy.inject(refused(400), path=PRODUCTS, containing=f'"_id":"product-{bad}"'.encode(), count=None)
    stats = faulty.run_plain().counts["products"]
    assert (stats["written"], stats["dead_lettered"]) == (51, 1)
    [letter] = dead_letters(shop).values()
    assert (letter.key, letter.reason) == (f"product-{bad}", "chunk_rejected")
    assert json.loads(letter.payload)["id"] == bad
    assert len(products(shop)) == 51
    assert len(proxy.asked(path=PRODUCTS)) <= NEEDED + ceil(log2(52))


@pytest.mark.invariant("6.1", "6.5")
@pytest.mark.parametrize("place", [0, 21, 63])
async def test_a_key_for_which_the_engine_refuses_the_whole_request_is_found(
    elasticsearch_url: str, proxy: FaultProxy, place: int, monkeypatch: pytest.MonkeyPatch
):
    """Elasticsearch refuses a bulk request for an id of more than 512 bytes, the embedded engine only the operation.

    The core's own limit is the same; here it lets the key pass, as it would one that another engine refuses.
    """
    monkeypatch.setattr("sync_pipeline.delivery.sound_keys.MAX_KEY_BYTES", 1000)
    operations = [upsert(f"k{number}", 1) for number in range(64)]
    operations[place] = upsert("x" * 513, 1)
    kept: list[Rejected] = []

    async def pages() -> AsyncGenerator[Sequence[Operation]]:
        yield operations

    async with SearchCluster(url=elasticsearch_url) as direct, own_store(direct) as indices:
        name = await new_index(indices)
        async with SearchCluster(url=proxy.url) as cluster:
            delivery = Delivery(
                BulkIndex(cluster, name),
                fence=lambda: None,
                record_tombstones=lambda _: {},
                keep=kept.extend,
                writers=1,
            )
            books = await delivery.run(pages())
        stored = await BulkIndex(direct, name).get([operation.key for operation in operations])
    assert (books.outcomes[Outcome.WRITTEN], books.outcomes[Outcome.DEAD_LETTERED]) == (63, 1)
    assert [item.key for item in kept] == ["x" * 513]
    assert "Validation Failed: 1: id [" in kept[0].message
    assert len(stored) == 63
    assert len(proxy.asked(path="*/_bulk*")) <= NEEDED + log2(64)


@pytest.mark.invariant("6.1", "6.6")
def test_requests_that_are_too_large_for_a_proxy_on_the_way_go_in_smaller_ones(
    shop: Shop, faulty: Shop, proxy: FaultProxy
):
    faulty.run_plain()
    expected = shop.documents()
    [whole] = proxy.asked(path=PRODUCTS)
    proxy.clear()
    proxy.inject(too_large(len(whole.body) // 5), path=PRODUCTS, count=None)
    stats = faulty.run_plain().counts["products"]
    assert (stats["written"], stats["dead_lettered"]) == (52, 0)
    assert shop.documents() == expected
    assert len(proxy.asked(path=PRODUCTS)) <= 1 + 2 + 4 + 8, "halves, and no search for a bad record"


@pytest.mark.invariant("6.1", "6.5", "6.6")
def test_a_document_that_alone_is_too_large_goes_to_the_dead_letters(shop: Shop, faulty: Shop, proxy: FaultProxy):
    long = " ".join(f"word{number}" for number in range(5_000))
    shop.sandbox.admin.update(shop.hash, "products", 111, {"description": f"<p>{long}</p>"})
    proxy.inject(too_large(20_000), path=PRODUCTS, count=None)
    stats = faulty.run_plain().counts["products"]
    assert (stats["written"], stats["dead_lettered"]) == (51, 1)
    [letter] = dead_letters(shop).values()
    assert (letter.key, letter.reason) == ("product-111", "chunk_rejected")
    assert "413" in letter.last_error
    assert len(products(shop)) == 51


@pytest.mark.invariant("6.5", "6.6")
def test_a_document_that_the_engine_itself_cannot_map_goes_to_the_dead_letters(
    shop: Shop, faulty: Shop, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
):
    def narrow(*args: Any, **options: Any) -> dict[str, Any]:
        body = deepcopy(index_definition.index_body(*args, **options))
        if "inventory_level" in body["mappings"]["properties"]:
            body["mappings"]["properties"]["inventory_level"] = {"type": "short"}
        return body

    monkeypatch.setattr(builds, "index_body", narrow)
    shop.sandbox.admin.update(shop.hash, "products", 101, {"inventory_level": 40_000, "inventory_tracking": "product"})
    stats = faulty.run_plain().counts["products"]
    assert stats["reasons"]["dead_lettered:document_parsing_exception"] == stats["dead_lettered"] == 1
    [letter] = dead_letters(shop).values()
    assert (letter.key, letter.reason) == ("product-101", "document_parsing_exception")
    assert "inventory_level" in letter.last_error
    assert json.loads(letter.payload)["inventory_level"] == 40_000
    assert stats["written"] == 51
    assert len(proxy.asked(path=PRODUCTS)) == 1


@pytest.mark.invariant("3.1", "6.2", "6.4", "6.5", "6.6")
def test_every_operation_of_a_mixed_answer_gets_what_it_was_told(shop: Shop, faulty: Shop, proxy: FaultProxy):
    told = {
        "product-101": (503, "unavailable_shards_exception"),
        "product-105": (400, "document_parsing_exception"),
        "product-110": (409, "version_conflict_engine_exception"),
        "product-111": (429, "es_rejected_execution_exception"),
        "product-112": (404, "some_missing_exception"),
    }
    shop.run_plain()
    for product in shop.ids("products"):
        shop.sandbox.admin.update(shop.hash, "products", product, {"price": 4711})
    proxy.inject(items_refused(told), path=PRODUCTS)
    batch = faulty.run_plain(mode="incremental")
    stats = batch.counts["products"]
    assert balances(stats)
    assert (stats["written"], stats["stale"], stats["dead_lettered"]) == (49, 1, 2)
    assert stats["reasons"].items() >= {
        ("dead_lettered:document_parsing_exception", 1),
        ("dead_lettered:some_missing_exception", 1),
    }
    assert dead_letters(shop).keys() == {"product-105", "product-112"}
    _, again = proxy.asked(path=PRODUCTS)
    assert [key for key in told if f'"{key}"'.encode() in again.body] == ["product-101", "product-111"]
    old = {key for key, document in shop.documents().items() if document.get("price") != 4711}
    assert {key for key in old if key.startswith("product-")} == {"product-105", "product-110", "product-112"}
