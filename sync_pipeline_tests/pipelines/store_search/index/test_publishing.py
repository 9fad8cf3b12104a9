"""What must be true before an index is published, and what searches see until then."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from sync_pipeline.batches.lanes import FencedError, refusals
from sync_pipeline.batches.models import ScopeLock
from sync_pipeline.batches.parts import BatchPart, Run, batch_part
from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.reading import scan
from sync_pipeline.delivery.tombstones import Tombstones
from sync_pipeline.operations import Action, Operation, Outcome
from sync_pipeline.pipelines.store_search import sync
from sync_pipeline.pipelines.store_search.index.build import IndexCheckError, StoreBuild
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.types import KINDS, BatchType, Kind, Part
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.words.words_at_work import searching
from sync_pipeline_tests.properties.interrupted_shop import InterruptedShop

PRODUCTS = KINDS[0]


@pytest.mark.real_elasticsearch
@pytest.mark.invariant("5.1", "5.2")
def test_searches_during_a_rebuild_see_the_old_index_or_the_new_one_and_nothing_else(shop: Shop):
    shop.run_plain()
    before, replaced = shop.search("sofa", size=50), shop.served()
    with searching(shop, "sofa", always=len(before)):
        shop.run_plain()
    assert shop.search("sofa", size=50) == before
    assert not replaced & shop.served()


@pytest.mark.real_elasticsearch
@pytest.mark.invariant("5.3")
def test_an_index_that_lacks_a_document_is_not_published(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.run_plain()
    served = shop.served()
    finish = StoreIndices.finish_build

    async def finish_after_a_loss(indices: StoreIndices, name: str) -> None:
        if "-products-" in name:
            await indices.cluster.client.delete(index=name, id="product-110")
        await finish(indices, name)

    monkeypatch.setattr(StoreIndices, "finish_build", finish_after_a_loss)
    with pytest.raises(IndexCheckError, match="holds 51 documents, 52 were written"):
        shop.run_plain()
    batch = shop.pipeline.ledger.list()[0]
    assert (batch.status, batch.error["kind"]) == ("failed", "index_check")
    assert {name for name in served if "-products-" in name} < shop.served()
    assert "product-110" in shop.documents()


@contextmanager
def overtaken(shop: Shop) -> Iterator[BatchPart]:
    """A part of a batch whose lane another takes when the block begins."""
    run = Run(f"late-{secrets.token_hex(4)}", (Part.SEARCH_INDEX.value,), store_request(shop.hash, BatchType.PRODUCT))
    with batch_part(shop.pipeline.ledger, run) as part:
        with shop.pipeline.ledger.session() as session:
            session.execute(update(ScopeLock).values(holder="heir", token=ScopeLock.token + 1))
        try:
            yield part
        finally:
            with shop.pipeline.ledger.session() as session:
                session.execute(update(ScopeLock).values(holder=None))


def working(shop: Shop, part: BatchPart, work: Callable[[StoreBuild], Awaitable[object]]) -> None:
    async def with_build() -> None:
        async with shop.pipeline.cluster() as cluster:
            await work(await sync._build(shop.pipeline, cluster, shop.pipeline.stores.get(shop.hash), part))

    asyncio.run(with_build())


@pytest.mark.real_elasticsearch
@pytest.mark.invariant("2.8", "5.3")
def test_what_is_found_gone_during_a_build_is_not_in_the_index_when_it_is_swapped_in(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    ledger = shop.pipeline.ledger
    publish, swap = StoreBuild.publish, StoreIndices.swap
    seen: set[str] = set()

    async def find_it_gone_and_publish(build: StoreBuild, kind: Kind, name: str, **written: Any) -> dict[str, Any]:
        if kind is PRODUCTS:
            gone = Operation("product-110", ledger.next_version(), Action.DELETE, absent=True)
            Tombstones(ledger, build.part.batch.scope, batch_id=4711).record_tombstones([gone])
        return await publish(build, kind, name, **written)

    async def look_and_swap(indices: StoreIndices, new: Mapping[str, str]) -> Any:
        for name in new.values():
            seen.update({document.key async for page in scan(indices.cluster, name) for document in page})
        return await swap(indices, new)

    monkeypatch.setattr(StoreBuild, "publish", find_it_gone_and_publish)
    monkeypatch.setattr(StoreIndices, "swap", look_and_swap)
    batch = shop.run_plain()
    assert seen == shop.documents().keys()
    assert "product-110" not in seen
    products = batch.counts["products"]
    assert (products["written"], products["documents"]) == (52, 51)


@pytest.mark.real_elasticsearch
@pytest.mark.invariant("2.2")
def test_what_was_read_before_a_copy_was_made_is_still_written_into_it(shop: Shop):
    """A copy's documents are as old as those of its original: a write is not stale because the index is newer."""
    it = InterruptedShop.of(shop)
    it.sync({}, mode="full")
    shop.sandbox.admin.update(shop.hash, "products", 101, {"name": "Read before the copy"})
    it.capture(Part.PRODUCTS)
    original = shop.served()
    it.reindex({}, ["kettle"])
    assert not original & shop.served()
    it.write_late(0)

    async def held() -> dict[str, Any]:
        async with shop.pipeline.cluster() as cluster:
            [live] = await StoreIndices(cluster, shop.hash).current("products")
            return (await BulkIndex(cluster, live).get(["product-101"]))["product-101"].source

    assert asyncio.run(held())["name"] == "Read before the copy"


@pytest.mark.real_elasticsearch
@pytest.mark.invariant("5.4")
def test_what_an_attempt_that_ended_left_half_built_is_removed_and_not_gone_on_with(shop: Shop):
    left: list[str] = []

    async def half(build: StoreBuild) -> None:
        left.append(await build.index_for(PRODUCTS))
        stray = Operation("product-4711", 1, body=b'{"name":"Half built"}')
        assert await BulkIndex(build.cluster, left[0]).write([stray]) == [Outcome.WRITTEN]

    run = Run("ends early", (Part.PRODUCTS.value,), store_request(shop.hash, BatchType.PRODUCT))
    with pytest.raises(KeyboardInterrupt), batch_part(shop.pipeline.ledger, run) as part:
        working(shop, part, half)
        raise KeyboardInterrupt
    assert shop.served() == set()
    batch, _ = shop.run_batch(shop.pipeline.ledger.retry(part.batch.id))
    assert (batch.status, batch.attempt) == ("completed", 2)
    assert left[0] not in shop.indices()
    assert "product-4711" not in shop.documents()


@pytest.mark.invariant("8.3")
def test_who_was_overtaken_publishes_removes_and_changes_nothing(shop: Shop):
    shop.run_plain()
    shop.run_plain()
    before = shop.indices()
    [old] = [name for name, aliases in before.items() if "-products-" in name and not aliases]

    [live] = [name for name, aliases in before.items() if "-products-" in name and aliases]

    async def publish(build: StoreBuild) -> None:
        await build.publish(PRODUCTS, old, documents=await build.indices.count(old))

    async def publish_again(build: StoreBuild) -> None:
        # Nothing is to be carried over, so only the fence before the swap can refuse.
        await build.publish(PRODUCTS, live, documents=await build.indices.count(live))

    async def put_synonyms(build: StoreBuild) -> None:
        await build.put_synonyms()

    async def remove(build: StoreBuild) -> None:
        await build.remove_orphaned(PRODUCTS)

    for work in (publish, publish_again, put_synonyms, remove):
        with pytest.raises(FencedError), overtaken(shop) as part:
            working(shop, part, work)
        assert shop.indices() == before, work.__name__


@pytest.mark.invariant("8.5")
def test_a_refused_write_is_counted_logged_and_the_end_of_its_batch(shop: Shop):
    with capture_logs() as lines, pytest.raises(FencedError), overtaken(shop) as part:
        part.record(Part.SEARCH_INDEX, {})
    batch = shop.pipeline.ledger.get(part.batch.id)
    assert (batch.status, batch.error["kind"], batch.counts) == ("failed", "fenced", {})
    told = {(line["log_level"], line["event"]) for line in lines}
    assert {("error", "write refused"), ("error", "batch failed")} <= told
    assert refusals(shop.pipeline.ledger).keys() == {f"store:{shop.hash} bulk"}
