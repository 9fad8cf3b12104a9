"""Why is this document found, or not? What the index holds, what BigCommerce says now, and what the ledger knows of it.

What belongs here: gathering the facts of one document and the one conclusion they allow. What does not: repairing
anything, and how the answer is printed (cli/explain.py).
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select

from sync_pipeline.batches.models import DeadLetter, SyncBatch
from sync_pipeline.connectors.elasticsearch.documents import RESERVED, content_of
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.reading import get
from sync_pipeline.delivery.verify import content_hash
from sync_pipeline.errors import UsageError
from sync_pipeline.operations import Action, Filtered, Operation, Rejected
from sync_pipeline.pipelines.store_search.events.models import WebhookEvent
from sync_pipeline.pipelines.store_search.requests import document_keys
from sync_pipeline.pipelines.store_search.search.verdicts import Conclusion, conclude
from sync_pipeline.pipelines.store_search.source.store_source import StoreSource
from sync_pipeline.pipelines.store_search.stores.stores import store_scope
from sync_pipeline.pipelines.store_search.types import KEY_PARTS, PARTS, PIPELINE, BatchType, Part, kind_of

if TYPE_CHECKING:
    from sync_pipeline.connectors.bigcommerce.catalog import Catalog
    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.connectors.elasticsearch.reading import StoredDocument
    from sync_pipeline.operations import Item
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch
    from sync_pipeline.pipelines.store_search.stores.models import Store


@dataclass(frozen=True)
class Explanation:
    """The facts of one document.

    ``index`` is the physical index behind the alias, None before the first build; ``indexed`` what it holds; ``live``
    what BigCommerce's record becomes now, None when there is no such record; ``batch`` the newest one of its part;
    ``event`` the newest webhook event about it that is still kept.
    """

    key: str
    store_hash: str
    index: str | None
    indexed: StoredDocument | None
    live: Operation | Filtered | Rejected | None
    dead_letter: DeadLetter | None
    batch: SyncBatch | None
    event: WebhookEvent | None

    @property
    def conclusion(self) -> Conclusion:
        """What the facts mean."""
        held = None if self.indexed is None else self.indexed.source.get("sync", {}).get("fingerprint", "")
        return conclude(
            self.key,
            self.store_hash,
            published=self.index is not None,
            held=held,
            live=self.live,
            edited=self._is_edited(),
        )

    def _is_edited(self) -> bool:
        if self.indexed is None or not isinstance(self.live, Operation):
            return False
        held = {name: value for name, value in self.indexed.source.items() if name != RESERVED}
        return content_hash(held) != content_hash(content_of(self.live))


async def explain(pipeline: StoreSearch, store: Store, text: str) -> Explanation:
    """Explains a document id (``product-12``) or a SKU.

    Raises UsageError when ``text`` is neither, and what BigCommerce, the cluster and the ledger raise.
    """
    async with pipeline.cluster() as cluster, pipeline.catalog(store) as catalog:
        indices = StoreIndices(cluster, store.hash)
        key = _document_id(text) or await _key_of_sku(cluster, catalog, indices, text)
        part = KEY_PARTS[key.partition("-")[0]]
        behind = await indices.current(kind_of(part).word)
        indexed = (await get(cluster, behind[0], [key])).get(key) if behind else None
        async with StoreSource(catalog, batch_id=0, clock=pipeline.clock) as source:
            live = await _live(source, part, key)
        return Explanation(
            key=key,
            store_hash=store.hash,
            index=behind[0] if behind else None,
            indexed=indexed,
            live=live,
            dead_letter=await asyncio.to_thread(_dead_letter, pipeline, store, key),
            batch=await asyncio.to_thread(_newest_batch, pipeline, store, part),
            event=await asyncio.to_thread(_newest_event, pipeline, store, key),
        )


def _document_id(text: str) -> str | None:
    try:
        return document_keys(BatchType.ALL, [text])[0]
    except UsageError:
        return None


async def _key_of_sku(cluster: SearchCluster, catalog: Catalog, indices: StoreIndices, sku: str) -> str:
    """Returns the product that has the SKU, by the index or else by BigCommerce."""
    of_variant = {"nested": {"path": "variants", "query": {"term": {"variants.sku": sku}}}}
    query: dict[str, Any] = {"bool": {"should": [{"term": {"sku": sku}}, of_variant]}}
    alias = indices.alias_of(kind_of(Part.PRODUCTS).word)
    if await indices.current(kind_of(Part.PRODUCTS).word):
        with cluster.errors(f"looking for SKU {sku}"):
            answer = await cluster.reads.search(
                index=alias, query=query, size=1, source=False, allow_partial_search_results=False
            )
            if hits := answer["hits"]["hits"]:
                return hits[0]["_id"]
    if owners := await catalog.product_ids_of_sku(sku):
        return f"product-{owners[0]}"
    raise UsageError(
        f"{sku!r} is neither a document id such as `product-12` nor a SKU that BigCommerce or the index knows"
    )


async def _live(source: StoreSource, part: Part, key: str) -> Operation | Filtered | Rejected | None:
    pages = source.named_products([key]) if part is Part.PRODUCTS else source.items(part)
    async with aclosing(pages):
        async for items in pages:
            for item in items:
                if item.key == key:
                    return _present(item)
    return None


def _present(item: Item) -> Operation | Filtered | Rejected | None:
    if isinstance(item, Operation) and item.action is Action.DELETE:
        return None
    return item if isinstance(item, Operation | Filtered | Rejected) else None


def _dead_letter(pipeline: StoreSearch, store: Store, key: str) -> DeadLetter | None:
    query = select(DeadLetter).where(
        DeadLetter.pipeline == PIPELINE,
        DeadLetter.scope == store_scope(store.hash),
        DeadLetter.key == key,
        DeadLetter.state == "open",
    )
    with pipeline.ledger.session() as session:
        return session.scalar(query)


def _newest_event(pipeline: StoreSearch, store: Store, key: str) -> WebhookEvent | None:
    about_it = select(WebhookEvent).where(WebhookEvent.store_hash == store.hash, WebhookEvent.key == key)
    with pipeline.ledger.session() as session:
        return session.scalar(about_it.order_by(WebhookEvent.id.desc()).limit(1))


def _newest_batch(pipeline: StoreSearch, store: Store, part: Part) -> SyncBatch | None:
    """Returns the newest batch that plans the part, or, not claimed yet, will."""
    types = [batch_type for batch_type, parts in PARTS.items() if part in parts]
    of_part = or_(SyncBatch.planned.has_key(part.value), and_(SyncBatch.planned.is_(None), SyncBatch.type.in_(types)))
    query = select(SyncBatch).where(SyncBatch.scope == store_scope(store.hash), of_part)
    with pipeline.ledger.session() as session:
        return session.scalar(query.order_by(SyncBatch.id.desc()).limit(1))
