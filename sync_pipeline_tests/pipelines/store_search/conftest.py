"""A sandbox BigCommerce, the search cluster under test, and the pipeline between them."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.parts import BatchPart, Run, batch_part
from sync_pipeline.batches.secrets import new_key_entry, parse_keys
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.core import Core
from sync_pipeline.definitions import build_defs
from sync_pipeline.orchestration.tags import run_tags
from sync_pipeline.pipelines.store_search import sync
from sync_pipeline.pipelines.store_search.pipeline import PIPELINE
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.runtime import StoreSearch
from sync_pipeline.pipelines.store_search.search import client as serving
from sync_pipeline.pipelines.store_search.stores.stores import Stores
from sync_pipeline.pipelines.store_search.types import IMPORTS, BatchType
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline.settings import Settings

TOKEN = "a-token-that-must-not-show"


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxServer]:
    """A BigCommerce for the session; tests open stores of their own in it."""
    with SandboxServer() as server:
        yield server


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance of the test's own."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def pipeline(clean_database: Engine, sandbox: SandboxServer, elasticsearch_url: str, tmp_path: Path) -> StoreSearch:
    """The pipeline on an empty ledger."""
    settings = Settings.model_validate(
        {
            "database_url": clean_database.url.render_as_string(hide_password=False),
            "elasticsearch_url": elasticsearch_url,
            "bigcommerce_api_url": sandbox.base_url,
            "sync_pipeline_state_dir": tmp_path / "state",
        }
    )
    ledger = Ledger(clean_database)
    return StoreSearch(settings, ledger, Stores(ledger, parse_keys(new_key_entry("test"))))


@dataclass
class Shop:
    """A store of the test's own in sandbox, ledger and search cluster, and the ways to run and search it."""

    hash: str
    pipeline: StoreSearch
    sandbox: SandboxServer
    instance: dg.DagsterInstance

    @property
    def resources(self) -> dict[str, Any]:
        """What Dagster's definitions get instead of what the environment names."""
        pipeline = self.pipeline
        return {
            "core": Core(pipeline.settings, pipeline.ledger, pipeline.stores.keyring, {PIPELINE.name: PIPELINE}),
            "store_search": pipeline,
        }

    @property
    def definitions(self) -> dg.Definitions:
        """All definitions, on this pipeline."""
        return build_defs(**self.resources)

    def request(self, batch_type: BatchType = BatchType.ALL, **options: Any) -> SyncBatch:
        return self.pipeline.ledger.request(store_request(self.hash, batch_type, **options))

    def run(self, batch_type: BatchType = BatchType.ALL, **options: Any) -> tuple[SyncBatch, dg.ExecuteInProcessResult]:
        """Runs a batch through its Dagster job; the batch as it ended, and the run."""
        return self.run_batch(self.request(batch_type, **options))

    def run_batch(self, batch: SyncBatch) -> tuple[SyncBatch, dg.ExecuteInProcessResult]:
        result = self.run_job(BatchType(batch.type).job, tags=run_tags(batch))
        return self.pipeline.ledger.get(batch.id), result

    def run_job(self, job: str, **options: Any) -> dg.ExecuteInProcessResult:
        self.instance.add_dynamic_partitions("store_search_stores", [self.hash])
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, partition_key=self.hash, raise_on_error=False, **options
        )

    def run_plain(self, **options: Any) -> SyncBatch:
        """Runs the three imports as a batch without Dagster; the batch, which must complete."""
        planned = tuple(part.value for part in IMPORTS)
        request = store_request(self.hash, BatchType.ALL, **options)
        run_id = secrets.token_hex(8)

        async def imports(part: BatchPart) -> None:
            async with aclosing(sync.import_records(self.pipeline, part, IMPORTS)) as outcomes:
                async for _, outcome in outcomes:
                    if isinstance(outcome, Exception):
                        raise outcome

        run = Run(run_id=run_id, planned=planned, batch=replace(request, reserved_for=run_id))
        with batch_part(self.pipeline.ledger, run) as part:
            asyncio.run(imports(part))
        return self.pipeline.ledger.get(part.batch.id)

    def ids(self, kind: str) -> list[int]:
        """The ids of the shop's records of a kind, in order."""
        catalog = self.sandbox.sandbox.stores[self.hash].catalog
        if kind == "products":
            return sorted(catalog.products.ids)
        field = "category_id" if kind == "categories" else "id"
        return sorted(record[field] for record in getattr(catalog, kind).all())

    def records(self, kind: str) -> list[dict[str, Any]]:
        """The shop's records of a small collection."""
        return getattr(self.sandbox.sandbox.stores[self.hash].catalog, kind).all()

    def refresh(self) -> None:
        """Makes what was written visible, as the cluster does every second."""

        async def refresh() -> None:
            async with self.pipeline.cluster() as cluster:
                await cluster.client.indices.refresh(index=f"store-{self.hash}")

        asyncio.run(refresh())

    def keys(self) -> set[str]:
        """The ids of the documents that the shop's records would have, shown or not."""
        words = {"products": "product", "categories": "category", "pages": "page", "posts": "post"}
        return {f"{word}-{number}" for kind, word in words.items() for number in self.ids(kind)}

    def search(self, query: str, *, size: int = 10) -> list[str]:
        """The ids of the hits, best first."""

        async def ask() -> list[str]:
            async with self.pipeline.cluster() as cluster:
                return [hit["_id"] for hit in await serving.search(cluster, self.hash, query, size=size)]

        return asyncio.run(ask())

    def documents(self) -> dict[str, dict[str, Any]]:
        """Everything that searches of the store can see, by id, without `sync`."""

        async def read() -> dict[str, dict[str, Any]]:
            async with self.pipeline.cluster() as cluster:
                answer = await cluster.reads.search(
                    index=f"store-{self.hash}", size=10_000, source={"excludes": ["sync"]}, query={"match_all": {}}
                )
            return {hit["_id"]: hit["_source"] for hit in answer["hits"]["hits"]}

        return asyncio.run(read())

    def delete_document(self, word: str, key: str) -> None:
        """Takes a document out of the index behind an alias, as somebody else might."""

        async def delete() -> None:
            async with self.pipeline.cluster() as cluster:
                await cluster.client.delete(index=f"store-{self.hash}-{word}", id=key, refresh=True)

        asyncio.run(delete())

    def served(self) -> set[str]:
        """The physical indices of the store that an alias names."""
        return {name for name, aliases in self.indices().items() if aliases}

    def indices(self) -> dict[str, list[str]]:
        """The physical indices of the store with their aliases."""

        async def read() -> dict[str, list[str]]:
            async with self.pipeline.cluster() as cluster:
                return {index.name: sorted(index.aliases) for index in await StoreIndices(cluster, self.hash).list()}

        return asyncio.run(read())


@pytest.fixture
def new_shop(
    pipeline: StoreSearch, sandbox: SandboxServer, instance: dg.DagsterInstance, tmp_path: Path
) -> Iterator[Any]:
    """Makes shops with random hashes: the demonstration shop, one of a ``folder``, or one of generated ``products``."""
    made: list[str] = []

    def make(*, folder: Path | None = None, products: int | None = None, language: str = "en") -> Shop:
        store_hash = f"t{secrets.token_hex(6)}"
        if folder is not None:
            copy = Path(shutil.copytree(folder, tmp_path / store_hash))
            store = json.loads((copy / "store.json").read_text())
            (copy / "store.json").write_text(json.dumps({**store, "id": store_hash}))
            sandbox.admin.open_folder(copy, token=TOKEN)
        elif products is not None:
            sandbox.admin.open_generated(store_hash, products=products, token=TOKEN)
        else:
            sandbox.admin.open_demo(store_hash, token=TOKEN)
        sandbox.admin.configure(store_hash, quota=10_000)
        made.append(store_hash)
        pipeline.stores.save(store_hash, name="Shop", token=TOKEN, language=language)
        return Shop(store_hash, pipeline, sandbox, instance)

    async def delete(store_hash: str) -> None:
        async with pipeline.cluster() as cluster:
            await serving.delete_indices(cluster, store_hash)

    yield make
    for store_hash in made:
        asyncio.run(delete(store_hash))
        sandbox.admin.close_store(store_hash)


@pytest.fixture
def shop(new_shop: Any) -> Shop:
    """The demonstration shop under a hash of its own."""
    return new_shop()


@pytest.fixture
def indexed(shop: Shop) -> Shop:
    """The demonstration shop after a full batch."""
    shop.run_plain()
    return shop
