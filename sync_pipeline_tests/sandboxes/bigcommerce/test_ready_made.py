from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from sync_pipeline.sandboxes.bigcommerce.generated import GeneratedProducts
from sync_pipeline.sandboxes.bigcommerce.ready_made import ReadyMade
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline_tests.sandboxes.bigcommerce.conftest import Shop, open_shop

QUERIES: list[dict[str, str | int]] = [
    {"include": "variants,custom_fields,images,channels", "limit": 250},
    {"include_fields": "name", "is_visible": "true", "id__greater": 20, "limit": 20},
    {"exclude_fields": "description", "sort": "id", "direction": "desc", "limit": 20},
]


@pytest.fixture
def ready(small: Shop, server: SandboxServer) -> Iterator[Shop]:
    """The shop of ``small``, once more, with its products kept ready-made."""
    small.admin.open_generated("ready", seed=5, products=600, posts=120, pages=30)
    store = server.sandbox.stores["ready"]
    store.ready_made = ReadyMade(store.catalog.products)
    yield from open_shop(server, "ready")


def test_ready_made_products_are_those_that_would_be_made_also_after_edits(small: Shop, ready: Shop) -> None:
    def same() -> None:
        for query in QUERIES:
            for _ in range(2):
                assert (
                    ready.get("/v3/catalog/products", **query).content
                    == small.get("/v3/catalog/products", **query).content
                )

    same()
    for shop in (small, ready):
        shop.admin.update(shop.hash, "products", 7, {"name": "Renamed", "date_modified": "2026-02-02T12:00:00+00:00"})
        shop.admin.delete(shop.hash, "products", 30)
    same()
    for shop in (small, ready):
        shop.admin.delete(shop.hash, "brands", 3)
    same()


def test_a_product_is_made_once_for_each_view(ready: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ready.data("/v3/catalog/products", **QUERIES[0])
    monkeypatch.delattr(GeneratedProducts, "build")
    assert len(ready.data("/v3/catalog/products", **QUERIES[0])) == 250


def test_the_process_keeps_products_ready_made_when_told_to() -> None:
    arguments = ["--port", "0", "--generate", "gen:4:300", "--ready-made"]
    process = subprocess.Popen(
        [sys.executable, "-m", "sync_pipeline.sandboxes.bigcommerce", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = f"{json.loads(process.stdout.readline())['url']}/stores/gen/v3/catalog/products?limit=250"
        first, second = (httpx.get(url, headers={"X-Auth-Token": "gen-token"}) for _ in range(2))
    finally:
        process.terminate()
        process.wait()
    assert first.status_code == 200
    assert first.content == second.content
