"""A small shop of documents made by hand, in the search cluster under test, and how tests search it."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.synonyms import SynonymsSet
from sync_pipeline.operations import Operation, Outcome
from sync_pipeline.pipelines.store_search.index.definition import index_body
from sync_pipeline.pipelines.store_search.index.languages import language
from sync_pipeline.pipelines.store_search.search import client as serving

Documents = Mapping[str, Sequence[Mapping[str, Any]]]

SYNONYMS = ["phone, mobile", "tv => television", "ear ring => earring", "tee, t-shirt, tshirt"]


def product(number: int, name: str, **fields: Any) -> dict[str, Any]:
    sync = {"fingerprint": "0" * 16, "version": 1}
    return {"id": number, "type": "product", "name": name, "in_stock": True, "sync": sync, **fields}


def named(**pairs: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs.items()]


SHOP: dict[str, list[dict[str, Any]]] = {
    "products": [
        product(1, "Golden Hoop Earrings", sku="GH-01/B", calculated_price=49.0, brand="Lumen"),
        product(2, "Silver Hoop Earrings", sku="SH-02", calculated_price=39.0, brand="Lumen"),
        product(3, "Pearl Bracelet", custom_fields=named(Material="14K Gold"), calculated_price=99.0, brand="Aurelia"),
        product(4, "Canvas Bag", options=named(Color="Forest Green", Size="Large"), calculated_price=25.0),
        product(5, "Gift Box", description="Fits one pearl bracelet. Ships in a canvas bag.", calculated_price=5.0),
        product(
            6,
            "Linen Shirt",
            variants=[
                {"id": 61, "sku": "LS-06-RED-M", "in_stock": True, "options": named(Color="Red", Size="M")},
                {"id": 62, "sku": "LS-06-BLUE-L", "in_stock": False, "options": named(Color="Blue", Size="L")},
            ],
            options=named(Color="Red"),
            categories=["Clothing > Shirts"],
            calculated_price=60.0,
        ),
        product(7, "Mobile Case", calculated_price=12.0, categories=["Accessories > Cases"]),
        product(8, "Desk Lamp", calculated_price=30.0, in_stock=False),
        product(9, "Floor Lamp", calculated_price=80.0),
        product(10, "To Be or Not to Be Poster", calculated_price=15.0),
        product(11, "Crème Brûlée Torch", calculated_price=22.0),
        product(12, "Television Stand", search_keywords=["media unit", "sideboard"], calculated_price=140.0),
        product(13, "Men's Cotton T-Shirt", calculated_price=18.0),
        product(14, "Candle <Large> & Small", description="Burns for 40 hours & more", calculated_price=9.0),
        product(15, "Stand Mixer", calculated_price=300.0),
        product(16, "Mixer Stand", calculated_price=70.0),
    ],
    "categories": [
        {"id": 1, "type": "category", "name": "Lamps", "path": "Home > Lamps", "is_visible": True},
        {"id": 2, "type": "page", "name": "Shipping & Returns", "path": "Shipping & Returns", "body": "Free returns."},
    ],
    "blog": [
        {"id": 1, "type": "post", "title": "How to care for pearls", "body": "Wipe them.", "tags": ["jewelry"]},
    ],
}


@contextmanager
def published(
    url: str, documents: Documents, *, language_code: str = "en", synonyms: Sequence[str] = ()
) -> Iterator[str]:
    """The documents, by kind, behind the aliases of a store of its own, whose hash it yields."""
    store_hash = f"t{secrets.token_hex(6)}"
    try:
        asyncio.run(_publish(url, store_hash, documents, language_code, synonyms))
        yield store_hash
    finally:
        asyncio.run(_delete(url, store_hash))


async def _publish(
    url: str, store_hash: str, documents: Documents, language_code: str, synonyms: Sequence[str]
) -> None:
    async with SearchCluster(url=url) as cluster:
        indices = StoreIndices(cluster, store_hash)
        await SynonymsSet(cluster, indices.alias).put(synonyms)
        built = {}
        for kind, ones in documents.items():
            built[kind] = indices.new_name(kind, datetime(2026, 1, 1, tzinfo=UTC))
            words = language(language_code).stop_words
            body = index_body(kind, language_code=language_code, stop_words=words, synonyms_set=indices.alias, meta={})
            await indices.create(built[kind], body)
            writes = [
                Operation(key=f"{one['type']}-{one['id']}", version=1, body=json.dumps(one).encode()) for one in ones
            ]
            assert await BulkIndex(cluster, built[kind]).write(writes) == [Outcome.WRITTEN] * len(writes)
            await indices.finish_build(built[kind])
        await indices.swap(built)


async def _delete(url: str, store_hash: str) -> None:
    async with SearchCluster(url=url) as cluster:
        await serving.delete_indices(cluster, store_hash)
