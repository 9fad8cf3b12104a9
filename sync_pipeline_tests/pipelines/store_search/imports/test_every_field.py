"""Whole shops through a full batch: every document of the search cluster, field for field, as the rules say."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.pipelines.store_search.types import KINDS
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.imports.expected_documents import RawShop, raw_shop, venia
from sync_pipeline_tests.real_shop import real_shop

pytestmark = pytest.mark.real_elasticsearch


def hits(shop: Shop, alias: str) -> list[dict[str, Any]]:
    """Everything behind an alias as the search cluster has it, with `sync` and the cluster's own version."""

    async def read() -> list[dict[str, Any]]:
        async with shop.pipeline.cluster() as cluster:
            answer = await cluster.reads.search(index=alias, size=10_000, version=True, query={"match_all": {}})
        return answer["hits"]["hits"]

    return asyncio.run(read())


def assert_served_as_the_rules_say(shop: Shop, batch: SyncBatch, raw: RawShop) -> None:
    """Fields, `sync` parts, numbers by type and aliases of all that ``batch`` wrote."""
    assert batch.started_at is not None and batch.finished_at is not None
    expected = raw.documents(now=batch.started_at)
    found = {hit["_id"]: hit for hit in hits(shop, f"store-{shop.hash}")}
    assert found.keys() == expected.keys()
    for key, hit in found.items():
        sync = hit["_source"].pop("sync")
        assert hit["_source"] == expected[key]
        assert sync.keys() == {"fingerprint", "version", "batch_id", "synced_at"}
        assert re.fullmatch(r"[0-9a-f]{16}", sync["fingerprint"])
        assert sync["version"] == hit["_version"] > 0
        assert sync["batch_id"] == batch.id
        synced_at = datetime.fromisoformat(sync["synced_at"])
        assert batch.started_at.replace(microsecond=0) <= synced_at <= batch.finished_at
    types = Counter(document["type"] for document in expected.values())
    reasons = raw.filtered(now=batch.started_at)
    of_kind = {"products": ["product"], "categories": ["category", "page"], "blog": ["post"]}
    for kind in KINDS:
        number = sum(types[name] for name in of_kind[kind.word])
        stats = batch.counts[kind.part]
        assert {hit["_source"]["type"] for hit in hits(shop, kind.alias(shop.hash))} == set(of_kind[kind.word])
        assert len(hits(shop, kind.alias(shop.hash))) == stats["written"] == number
        assert stats.get("reasons", {}) == {f"filtered:{one}": n for one, n in Counter(reasons[kind.part]).items()}
    aliases = sorted(sorted(names) for names in shop.indices().values())
    assert aliases == sorted(sorted([f"store-{shop.hash}", kind.alias(shop.hash)]) for kind in KINDS)


def test_every_document_of_a_real_shop_is_what_its_files_say_field_for_field(new_shop: Callable[..., Shop]):
    raw = venia()
    shop = new_shop(folder=real_shop())
    batch, result = shop.run()
    assert result.success
    assert_served_as_the_rules_say(shop, batch, raw)
    assert [batch.counts[kind.part]["written"] for kind in KINDS] == [85, 19 + 3, 6]


def test_every_document_of_the_demonstration_shop_is_what_its_records_say_field_for_field(shop: Shop):
    batch, result = shop.run()
    assert result.success
    assert_served_as_the_rules_say(shop, batch, raw_shop(shop.sandbox.sandbox.store(shop.hash).catalog))
    assert [batch.counts[kind.part]["written"] for kind in KINDS] == [52, 32 + 5, 5]
