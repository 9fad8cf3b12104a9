"""Stores that belong to one test: random names, removed afterwards with all they have."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.synonyms import SynonymsSet
from sync_pipeline.operations import Action, Operation

#: A small index body: one text, and the fingerprint of every document.
SIMPLE: dict[str, Any] = {
    "settings": {},
    "mappings": {
        "dynamic": "strict",
        "properties": {
            "text": {"type": "text"},
            "sync": {"properties": {"fingerprint": {"type": "keyword"}}},
        },
    },
}
_moments = itertools.count()


@asynccontextmanager
async def own_store(cluster: SearchCluster) -> AsyncIterator[StoreIndices]:
    """The indices of a randomly named store, deleted at the end together with its synonyms set."""
    store = StoreIndices(cluster, f"test{secrets.token_hex(6)}")
    try:
        yield store
    finally:
        await cluster.client.indices.delete(
            index=",".join([index.name for index in await store.list()]) or "none", ignore_unavailable=True
        )
        await SynonymsSet(cluster, store.alias).delete()


async def new_index(store: StoreIndices, *, kind: str = "products", body: Mapping[str, Any] = SIMPLE) -> str:
    """Creates an index; every call has a later moment in the name."""
    name = store.new_name(kind, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(_moments)))
    await store.create(name, body)
    return name


async def forgets_deletes(cluster: SearchCluster) -> bool:
    """Whether this engine takes an old version of a key that was just deleted, as the embedded one does."""
    return (await cluster.client.info())["name"] == "noida-db"


def upsert(key: str, version: int, text: str = "", **fields: Any) -> Operation:
    """A write of a document that fits SIMPLE."""
    body = json.dumps({"text": text or f"{key} at {version}", "sync": {"fingerprint": f"{version:016x}"}, **fields})
    return Operation(key=key, version=version, fingerprint=f"{version:016x}", body=body.encode())


def delete(key: str, version: int) -> Operation:
    """A delete."""
    return Operation(key=key, version=version, action=Action.DELETE)
