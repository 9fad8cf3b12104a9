"""Webhook events become changes of the indices: whatever their order, number and age, and whatever else is going on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from sync_pipeline.connectors.bigcommerce import retry
from sync_pipeline.connectors.bigcommerce.catalog import Catalog
from sync_pipeline.connectors.bigcommerce.errors import RefusedError, UnauthorizedError
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.delivery.books import balances
from sync_pipeline.orchestration.tags import run_tags
from sync_pipeline.pipelines.store_search import sync
from sync_pipeline.pipelines.store_search.defs.automation import waiting_events
from sync_pipeline.pipelines.store_search.events import drain as draining
from sync_pipeline.pipelines.store_search.events.claims import stores_with_events
from sync_pipeline.pipelines.store_search.events.targets import EventDelivery
from sync_pipeline.pipelines.store_search.index.build import IndexCheckError, StoreBuild
from sync_pipeline.pipelines.store_search.search.explain import explain
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.events.told_events import drain, states, tell, tell_product
from sync_pipeline_tests.pipelines.store_search.imports.odd_records import dead_letters
from sync_pipeline_tests.properties.interruptions import KilledError

PRODUCTS = "*/v3/catalog/products"


def test_nothing_to_do_is_done_at_once(indexed: Shop):
    batch = drain(indexed)
    assert (batch.status, batch.lane, batch.trigger) == ("completed", "events", "webhook")
    assert batch.counts["events"]["events_received"] == 0


@pytest.mark.real_elasticsearch
@pytest.mark.invariant("2.5")
def test_what_an_event_tells_of_is_fetched_as_it_is_now(indexed: Shop):
    admin = indexed.sandbox.admin
    admin.update(indexed.hash, "products", 101, {"name": "First"})
    tell_product(indexed, 101)
    admin.update(indexed.hash, "products", 101, {"name": "Second"})
    made = admin.create(indexed.hash, "products", {"name": "Brand-new lantern"})["id"]
    tell_product(indexed, made, "created")
    admin.delete(indexed.hash, "products", 102)
    tell_product(indexed, 102, "updated")  # late: by now it is gone
    admin.update(indexed.hash, "products", 103, {"is_visible": False})
    tell(indexed, "store/sku/updated", {"type": "sku", "id": 1, "sku": {"product_id": 103, "variant_id": 1}})
    drain(indexed)
    indexed.refresh()
    documents = indexed.documents()
    assert documents["product-101"]["name"] == "Second"
    assert f"product-{made}" in documents
    assert documents.keys().isdisjoint({"product-102", "product-103"})


@pytest.mark.invariant("3.4")
def test_the_books_of_events_balance(indexed: Shop):
    indexed.sandbox.admin.update(indexed.hash, "products", 101, {"price": 5})
    numbers = [tell_product(indexed, 101, received=3), tell_product(indexed, 101), tell_product(indexed, 104)]
    stats = drain(indexed).counts["events"]
    told = {name: stats[f"events_{name}"] for name in ("received", "done", "coalesced", "dead")}
    assert told == {"received": 5, "done": 2, "coalesced": 3, "dead": 0}
    assert states(indexed) == dict(zip(numbers, ["coalesced", "done", "done"], strict=True))
    assert balances(stats)
    assert (stats["read"], stats["written"], stats["unchanged"]) == (2, 1, 1)


def test_ten_thousand_events_of_a_product_cost_one_request(indexed: Shop):
    tell_product(indexed, 101, received=10_000)
    indexed.sandbox.admin.reset_counters(indexed.hash)
    drain(indexed)
    assert indexed.sandbox.admin.counters(indexed.hash).requests["/v3/catalog/products"] == {"200": 1}


@pytest.mark.parametrize("what", ["renamed", "moved", "hidden"])
def test_a_changed_category_changes_its_products_too(indexed: Shop, what: str):
    admin = indexed.sandbox.admin
    body = {"renamed": {"name": "Ablutions"}, "moved": {"parent_id": 0}, "hidden": {"is_visible": False}}[what]
    number = next(record["category_id"] for record in indexed.records("categories") if record["parent_id"])
    admin.update(indexed.hash, "categories", number, body)
    tell(indexed, "store/category/updated", {"type": "category", "id": number})
    drain(indexed)
    indexed.refresh()
    after = indexed.documents()
    indexed.run_plain()
    assert after == indexed.documents()


def test_pages_are_refreshed(indexed: Shop):
    admin = indexed.sandbox.admin
    number = indexed.ids("pages")[0]
    admin.update(indexed.hash, "pages", number, {"name": "Returns, explained"})
    tell(indexed, "store/channel/1/page/updated", {"page_id": number})
    drain(indexed)
    indexed.refresh()
    assert indexed.documents()[f"page-{number}"]["name"] == "Returns, explained"


def test_a_product_of_a_brand_made_meanwhile_has_its_name(indexed: Shop):
    admin = indexed.sandbox.admin
    brand = admin.create(indexed.hash, "brands", {"name": "Made since"})["id"]
    admin.update(indexed.hash, "products", 101, {"brand_id": brand})
    tell_product(indexed, 101)
    drain(indexed)
    indexed.refresh()
    assert indexed.documents()["product-101"]["brand"] == "Made since"


def test_a_store_that_uninstalled_the_app_is_left_in_peace_and_keeps_its_index(indexed: Shop):
    before = indexed.documents()
    indexed.sandbox.admin.configure(indexed.hash, status="uninstalled")  # pyright: ignore
    tell(indexed, "store/app/uninstalled", {"type": "app"})
    with pytest.raises(UnauthorizedError):
        drain(indexed)
    assert indexed.documents() == before
    assert stores_with_events(indexed.pipeline.ledger) == []
    indexed.pipeline.stores.change_token(indexed.hash, "another")
    assert indexed.pipeline.stores.get(indexed.hash).uninstalled_at is None


def test_an_explanation_names_the_newest_event(indexed: Shop):
    tell_product(indexed, 101)
    drain(indexed)
    newest = tell_product(indexed, 101)
    found = asyncio.run(explain(indexed.pipeline, indexed.pipeline.stores.get(indexed.hash), "product-101"))
    assert found.event is not None
    assert (found.event.id, found.event.state) == (newest, "waiting")


def test_a_store_that_still_answers_has_not_uninstalled_the_app(indexed: Shop):
    tell(indexed, "store/app/uninstalled", {"type": "app"})
    drain(indexed)
    assert indexed.pipeline.stores.get(indexed.hash).uninstalled_at is None


@pytest.mark.invariant("4.5", "1.3")
@pytest.mark.parametrize("fault", [FaultKind.WRONG_TOKEN])
def test_a_store_that_refuses_loses_no_event_and_no_document(indexed: Shop, fault: FaultKind):
    before = indexed.documents()
    number = tell_product(indexed, 101)
    indexed.sandbox.admin.inject(indexed.hash, fault)
    with pytest.raises(UnauthorizedError):
        drain(indexed)
    assert stores_with_events(indexed.pipeline.ledger) == []  # it just failed
    indexed.sandbox.admin.clear_faults(indexed.hash)
    assert indexed.documents() == before
    drain(indexed)
    assert states(indexed) == {number: "done"}


@pytest.mark.invariant("4.3")
def test_an_answer_that_lacks_what_was_asked_for_deletes_nothing_that_no_event_announced(indexed: Shop):
    before = indexed.documents()
    for number in indexed.ids("products"):
        tell_product(indexed, number)
    indexed.sandbox.admin.inject(indexed.hash, FaultKind.EMPTY_LIST, path=PRODUCTS)
    drain(indexed)
    indexed.sandbox.admin.clear_faults(indexed.hash)
    indexed.refresh()
    assert indexed.documents() == before
    pending = [batch for batch in indexed.pipeline.ledger.list() if batch.status == "pending"]
    assert [(batch.mode, batch.trigger) for batch in pending] == [("incremental", "webhook")]


def test_many_announced_deletes_are_believed_when_the_store_has_them_no_more(indexed: Shop):
    gone = indexed.ids("products")[:40]
    for number in gone:
        indexed.sandbox.admin.delete(indexed.hash, "products", number)
        tell_product(indexed, number, "deleted")
    drain(indexed)
    indexed.refresh()
    assert indexed.documents().keys().isdisjoint({f"product-{number}" for number in gone})


@pytest.mark.invariant("6.6")
def test_a_poison_event_ends_in_the_dead_letters_and_blocks_nobody(indexed: Shop, monkeypatch: pytest.MonkeyPatch):
    indexed.sandbox.admin.update(indexed.hash, "products", 101, {"name": "Not blocked"})
    by_id = Catalog.products_by_id

    def refuse(catalog: Catalog, ids: Any, **options: Any) -> Any:
        if 102 in ids:
            raise RefusedError("shop", "GET /v3/catalog/products answered 422")
        return by_id(catalog, ids, **options)

    monkeypatch.setattr(Catalog, "products_by_id", refuse)
    poison = tell_product(indexed, 102)
    good = tell_product(indexed, 101)
    stats = drain(indexed).counts["events"]
    indexed.refresh()
    assert states(indexed) == {poison: "dead", good: "done"}
    assert (stats["events_dead"], stats["events_done"]) == (1, 1)
    assert dead_letters(indexed).keys() == {"product-102"}
    assert indexed.documents()["product-101"]["name"] == "Not blocked"


@pytest.mark.invariant("1.3")
def test_when_everything_fails_it_is_not_the_events(indexed: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(draining, "MOST_POISONED", 2)
    numbers = [tell_product(indexed, number) for number in indexed.ids("products")[:6]]
    indexed.sandbox.admin.inject(indexed.hash, FaultKind.HTML, path=PRODUCTS)
    monkeypatch.setattr(retry, "BACKOFF", replace(retry.BACKOFF, first=0.001))
    with pytest.raises(Exception, match="HTML instead of JSON"):
        drain(indexed)
    assert list(states(indexed).values()).count("waiting") == len(numbers) - 2


@pytest.mark.real_elasticsearch
@pytest.mark.invariant("2.8", "5.3")
def test_nothing_that_is_made_changed_or_deleted_during_a_build_is_missed(
    indexed: Shop, monkeypatch: pytest.MonkeyPatch
):
    admin = indexed.sandbox.admin
    publish, swap = StoreBuild.publish, StoreIndices.swap

    def change(name: str) -> None:
        made = admin.create(indexed.hash, "products", {"name": f"Made {name}"})["id"]
        admin.update(indexed.hash, "products", 101, {"name": f"Changed {name}"})
        gone = indexed.ids("products")[-2]
        admin.delete(indexed.hash, "products", gone)
        tell_product(indexed, made, "created")
        tell_product(indexed, 101)
        tell_product(indexed, gone, "deleted")
        drain(indexed)

    async def change_and_publish(build: StoreBuild, kind: Any, name: str, **written: Any) -> Any:
        if "-products-" in name:
            await asyncio.to_thread(change, "before it is published")
        return await publish(build, kind, name, **written)

    async def change_and_swap(indices: StoreIndices, new: Any) -> Any:
        if "products" in new:
            await asyncio.to_thread(change, "just before the swap")
        return await swap(indices, new)

    monkeypatch.setattr(StoreBuild, "publish", change_and_publish)
    monkeypatch.setattr(StoreIndices, "swap", change_and_swap)
    batch = indexed.run_plain()
    monkeypatch.undo()
    assert batch.status == "completed"
    indexed.refresh()
    found = indexed.documents()
    assert found["product-101"]["name"] == "Changed just before the swap"
    indexed.run_plain()
    assert found == indexed.documents()


@pytest.mark.invariant("2.8")
def test_what_a_drain_wrote_only_into_the_old_index_is_taken_over(indexed: Shop, monkeypatch: pytest.MonkeyPatch):
    """As after a kill between its two writes."""
    publish = StoreBuild.publish

    async def write_and_publish(build: StoreBuild, kind: Any, name: str, **written: Any) -> Any:
        if "-products-" in name:
            await asyncio.to_thread(change)
        return await publish(build, kind, name, **written)

    def change() -> None:
        indexed.sandbox.admin.update(indexed.hash, "products", 101, {"name": "Only in the old one"})
        tell_product(indexed, 101)
        with monkeypatch.context() as blind:
            blind.setattr("sync_pipeline.pipelines.store_search.events.targets.at_work", lambda *_: set())
            drain(indexed)

    monkeypatch.setattr(StoreBuild, "publish", write_and_publish)
    indexed.run_plain()
    assert indexed.documents()["product-101"]["name"] == "Only in the old one"


@pytest.mark.invariant("2.8")
def test_searches_see_nothing_older_after_a_swap_beside_a_killed_drain(indexed: Shop, monkeypatch: pytest.MonkeyPatch):
    """Between the last look at the former index and the swap, a drain dies after its first write."""
    write, swap = EventDelivery._write, StoreIndices.swap
    seen: list[str] = []

    def name_seen() -> str:
        indexed.refresh()
        return indexed.documents()["product-101"]["name"]

    async def write_and_die(*given: Any, **named: Any) -> None:
        await write(*given, **named)
        raise KilledError

    def drain_and_die() -> None:
        indexed.sandbox.admin.update(indexed.hash, "products", 101, {"name": "New"})
        tell_product(indexed, 101)
        with monkeypatch.context() as deadly, pytest.raises(KilledError):
            deadly.setattr(EventDelivery, "_write", write_and_die)
            drain(indexed)

    async def drain_and_swap(indices: StoreIndices, new: Any) -> Any:
        if "products" not in new:
            return await swap(indices, new)
        await asyncio.to_thread(drain_and_die)
        seen.append(await asyncio.to_thread(name_seen))
        replaced = await swap(indices, new)
        seen.append(await asyncio.to_thread(name_seen))
        return replaced

    monkeypatch.setattr(StoreIndices, "swap", drain_and_swap)
    indexed.run_plain()
    assert len(seen) == 2
    assert seen[1] == "New"


@pytest.mark.invariant("5.3")
def test_a_lost_document_is_noticed_although_events_made_another(indexed: Shop, monkeypatch: pytest.MonkeyPatch):
    finish = StoreIndices.finish_build
    served = indexed.served()

    def make() -> None:
        made = indexed.sandbox.admin.create(indexed.hash, "products", {"name": "In its place"})["id"]
        tell_product(indexed, made, "created")
        drain(indexed)

    async def lose_and_finish(indices: StoreIndices, name: str) -> None:
        if "-products-" in name:
            await asyncio.to_thread(make)
            await indices.cluster.client.delete(index=name, id="product-110")
        await finish(indices, name)

    monkeypatch.setattr(StoreIndices, "finish_build", lose_and_finish)
    with pytest.raises(IndexCheckError):
        indexed.run_plain()
    assert {name for name in served if "-products-" in name} < indexed.served()


def test_a_shop_without_an_index_has_nothing_to_change(shop: Shop):
    number = tell_product(shop, 101)
    drain(shop)
    assert states(shop) == {number: "done"}
    assert shop.indices() == {}


def tick(shop: Shop) -> dg.SensorResult | dg.SkipReason:
    answer = waiting_events(dg.build_sensor_context(instance=shop.instance, resources={"store_search": shop.pipeline}))
    assert isinstance(answer, dg.SensorResult | dg.SkipReason)
    return answer


def test_the_sensor_starts_one_drain_for_a_store_with_events(indexed: Shop):
    assert isinstance(tick(indexed), dg.SkipReason)
    indexed.sandbox.admin.update(indexed.hash, "products", 101, {"name": "Through Dagster"})
    tell_product(indexed, 101)
    answer = tick(indexed)
    assert isinstance(answer, dg.SensorResult)
    [request] = answer.run_requests or []
    assert request.partition_key == indexed.hash
    assert {"sync_pipeline/lane": "events", "sync_pipeline/type": "events"}.items() <= request.tags.items()
    again = tick(indexed)  # not a second batch: the same run key
    assert isinstance(again, dg.SensorResult)
    assert [one.run_key for one in again.run_requests or []] == [request.run_key]


def test_the_job_drains(indexed: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sync.drain_events, "__kwdefaults__", {"linger": 0.0, "longest": 5.0})
    indexed.sandbox.admin.update(indexed.hash, "products", 101, {"name": "Through Dagster"})
    tell_product(indexed, 101)
    tick(indexed)
    [batch] = [one for one in indexed.pipeline.ledger.list() if one.type == "events"]
    result = indexed.run_job("drain_events", tags=run_tags(batch))
    assert result.success
    indexed.refresh()
    assert indexed.documents()["product-101"]["name"] == "Through Dagster"
    assert indexed.pipeline.ledger.get(batch.id).status == "completed"
