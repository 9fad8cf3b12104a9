"""A shop whose ledger is lost or whose indices are another ledger's, and what batches make of it."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from elasticsearch import AsyncElasticsearch
from sqlalchemy import text

from sync_pipeline.batches.base import SCHEMA, Base
from sync_pipeline.batches.models import LedgerIdentity, SyncBatch
from sync_pipeline.batches.parts import BatchPart, Run, batch_part
from sync_pipeline.batches.requests import VERIFY, Ask
from sync_pipeline.pipelines.store_search import sync
from sync_pipeline.pipelines.store_search.pipeline import PIPELINE
from sync_pipeline.pipelines.store_search.requests import request, store_request
from sync_pipeline.pipelines.store_search.types import BatchType
from sync_pipeline_tests.clocks import HurriedClock
from sync_pipeline_tests.pipelines.store_search.conftest import TOKEN, Shop


def lose_ledger(shop: Shop) -> None:
    """Puts a new, empty ledger in the place of the shop's, and adds the shop to it."""
    tables = ", ".join(str(table) for table in Base.metadata.sorted_tables)
    with shop.pipeline.ledger.session() as session:
        session.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
        session.execute(text(f"SELECT setval('{SCHEMA}.record_version', 1, false)"))
        made = shop.pipeline.ledger.clock.now()
        session.add(LedgerIdentity(id=secrets.token_hex(16), owns_unmarked=False, created_at=made))
    shop.pipeline.stores.save(shop.hash, name="Shop", token=TOKEN)


def own_unmarked(shop: Shop, *, own: bool) -> None:
    """Makes the ledger one that had stores before indices were marked, or one that had none."""
    with shop.pipeline.ledger.session() as session:
        session.query(LedgerIdentity).update({"owns_unmarked": own})


def set_versions(shop: Shop, version: int) -> None:
    """Makes the ledger's next record versions those after ``version``."""
    with shop.pipeline.ledger.session() as session:
        session.execute(text(f"SELECT setval('{SCHEMA}.record_version', :version)"), {"version": version})


def change_marks(shop: Shop, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Changes the `_meta` of every index that an alias of the shop names."""
    served = shop.served()

    async def act(client: AsyncElasticsearch) -> None:
        for name in served:
            found = (await client.indices.get_mapping(index=name)).body[name]["mappings"]["_meta"]
            await client.indices.put_mapping(index=name, meta=change(found))

    ask(shop, act)


def ask(shop: Shop, act: Callable[[AsyncElasticsearch], Any]) -> Any:
    """Calls the search cluster directly, as a person might."""

    async def acting() -> Any:
        async with shop.pipeline.cluster() as cluster:
            return await act(cluster.client)

    return asyncio.run(acting())


def everything(shop: Shop) -> str:
    """All that the cluster has of the shop: indices with their `_meta`, aliases and documents, and the synonyms."""

    async def read(client: AsyncElasticsearch) -> str:
        name = f"store-{shop.hash}"
        await client.indices.refresh(index=f"{name}*")
        indices = (await client.indices.get(index=f"{name}*", filter_path="*.aliases,*.mappings._meta")).body
        found = await client.search(index=f"{name}-*", size=10_000, version=True)
        synonyms = (await client.options(ignore_status=404).synonyms.get_synonym(id=name)).body
        hits = [[hit["_index"], hit["_id"], hit["_version"], hit["_source"]] for hit in found["hits"]["hits"]]
        return json.dumps([indices, sorted(hits, key=lambda hit: hit[:2]), synonyms], sort_keys=True)

    return ask(shop, read)


def repair(shop: Shop) -> SyncBatch:
    """Runs a verify batch that repairs; the batch as it ended. Raises what ended it."""
    asked = PIPELINE.ask(Ask(shop.hash, VERIFY, options={"repair": True}))
    run_id = secrets.token_hex(8)

    def work(part: BatchPart) -> None:
        PIPELINE.verified(replace(shop.pipeline, clock=HurriedClock()), part)

    with batch_part(shop.pipeline.ledger, Run(run_id, (VERIFY,), replace(asked, reserved_for=run_id))) as part:
        work(part)
    return shop.pipeline.ledger.get(part.batch.id)


def apply_words(shop: Shop, batch_type: BatchType) -> SyncBatch:
    """Runs a batch of stop words or synonyms without Dagster; the batch. Raises what ended it."""
    steps = {BatchType.STOP_WORDS: sync.apply_stop_words, BatchType.SYNONYMS: sync.apply_synonyms}
    run_id = secrets.token_hex(8)
    run = Run(run_id, batch_type.parts, replace(store_request(shop.hash, batch_type), reserved_for=run_id))

    def work(part: BatchPart) -> None:
        asyncio.run(steps[batch_type](shop.pipeline, part))

    with batch_part(shop.pipeline.ledger, run) as part:
        work(part)
    return shop.pipeline.ledger.get(part.batch.id)


def taken_over(shop: Shop) -> SyncBatch:
    """Runs the batch that takes the shop's indices over, through Dagster; the batch as it ended."""
    asked = request(Ask(shop.hash, "all", options={"take_over": True}))
    return shop.run_batch(shop.pipeline.ledger.request(asked))[0]
