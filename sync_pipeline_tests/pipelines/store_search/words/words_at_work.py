"""Steps of a batch about words, what searches make of it, and searches that go on meanwhile."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sync_pipeline.batches.parts import Run, batch_part
from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.operations import Action, Operation, Outcome
from sync_pipeline.pipelines.store_search import sync
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.types import BatchType, Part
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.waiting import wait_for


@contextmanager
def searching(shop: Shop, query: str, *, always: int | None = None) -> Iterator[None]:
    """Searches in a thread while the block works, one after the other; every one must succeed and find something, or
    ``always`` as many documents.
    """
    found: list[int] = []
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            found.append(len(shop.search(query, size=50)))

    def one_more() -> None:
        enough = len(found) + 2  # the first of them may have begun before
        wait_for(lambda: thread.done() or len(found) >= enough, what="searches going on")

    with ThreadPoolExecutor(1) as threads:
        thread = threads.submit(go_on)
        try:
            one_more()
            yield
            one_more()
        finally:
            over.set()
        thread.result()
    assert min(found) > 0 if always is None else set(found) == {always}


def step(shop: Shop, part: Part) -> dict[str, Any]:
    """Runs the one step as a batch of its own, without Dagster; its figures, as the ledger keeps them."""
    run_id = secrets.token_hex(8)
    request = replace(store_request(shop.hash, BatchType(part.value.replace("_", "-"))), reserved_for=run_id)
    with batch_part(shop.pipeline.ledger, Run(run_id=run_id, planned=(part.value,), batch=request)) as held:
        work = {Part.STOP_WORDS: sync.apply_stop_words, Part.SYNONYMS: sync.apply_synonyms}[part]
        asyncio.run(work(shop.pipeline, held))
    batch = shop.pipeline.ledger.get(held.batch.id)
    assert batch.status == "completed"
    return batch.counts[part.value]


def versions(shop: Shop) -> dict[str, tuple[int, int]]:
    """The version of every document that searches can see, and the number of the write that left it so."""

    async def read() -> dict[str, tuple[int, int]]:
        async with shop.pipeline.cluster() as cluster:
            answer = await cluster.reads.search(
                index=f"store-{shop.hash}", size=10_000, source=False, version=True, seq_no_primary_term=True
            )
        return {hit["_id"]: (hit["_version"], hit["_seq_no"]) for hit in answer["hits"]["hits"]}

    return asyncio.run(read())


async def delete(shop: Shop, key: str, version: int) -> None:
    """Deletes a product's document from the index that searches see."""
    async with shop.pipeline.cluster() as cluster:
        [index] = await StoreIndices(cluster, shop.hash).current("products")
        done = await BulkIndex(cluster, index).write([Operation(key, version, action=Action.DELETE)])
    assert done == [Outcome.DELETED]


def analysed(shop: Shop, text: str) -> list[str]:
    """The words for which a search with this text looks."""

    async def ask() -> list[str]:
        async with shop.pipeline.cluster() as cluster:
            answer = await cluster.reads.indices.analyze(
                index=f"store-{shop.hash}-products", analyzer="text_search", text=text
            )
        return [token["token"] for token in answer["tokens"]]

    return asyncio.run(ask())


def written(shop: Shop, name: str) -> list[str]:
    return (shop.pipeline.settings.state_dir / "search" / shop.hash / name).read_text().splitlines()
