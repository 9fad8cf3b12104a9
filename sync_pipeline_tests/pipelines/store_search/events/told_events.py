"""Events as the receiver stores them, and a drain that applies them without Dagster."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.parts import BatchPart, Run, batch_part
from sync_pipeline.pipelines.store_search import sync
from sync_pipeline.pipelines.store_search.events.models import WebhookEvent
from sync_pipeline.pipelines.store_search.events.scopes import event_key
from sync_pipeline.pipelines.store_search.requests import events_request
from sync_pipeline.pipelines.store_search.types import EVENTS
from sync_pipeline_tests.pipelines.store_search.conftest import Shop


def tell(shop: Shop, scope: str, data: dict[str, Any], *, received: int = 1, key: str | None = None) -> int:
    """Stores an event of the shop; its number."""
    event = WebhookEvent(
        store_hash=shop.hash,
        scope=scope,
        key=key or event_key(scope, data) or "",
        hash=secrets.token_hex(20),
        payload=json.dumps({"scope": scope, "data": data}),
        received=received,
        received_at=shop.pipeline.ledger.clock.now(),
    )
    with shop.pipeline.ledger.session() as session:
        session.add(event)
        session.flush()
        return event.id


def tell_product(shop: Shop, number: int, what: str = "updated", **more: Any) -> int:
    return tell(shop, f"store/product/{what}", {"type": "product", "id": number}, **more)


def drain(shop: Shop) -> SyncBatch:
    """Applies what waits; the batch, which must complete. Raises what ends it."""
    run_id = secrets.token_hex(8)
    run = Run(run_id, (EVENTS,), replace(events_request(shop.hash), reserved_for=run_id))

    def work(part: BatchPart) -> None:
        asyncio.run(sync.drain_events(shop.pipeline, part, linger=0))

    with batch_part(shop.pipeline.ledger, run) as part:
        work(part)
    return shop.pipeline.ledger.get(part.batch.id)


def states(shop: Shop) -> dict[int, str]:
    """The state of every event of the shop, by number."""
    query = select(WebhookEvent.id, WebhookEvent.state).where(WebhookEvent.store_hash == shop.hash)
    with shop.pipeline.ledger.session() as session:
        return {row.id: row.state for row in session.execute(query.order_by(WebhookEvent.id))}


def changed_by_a_rebuild(shop: Shop) -> set[str]:
    """The documents that a full batch makes otherwise than they are."""
    shop.refresh()
    before = shop.documents()
    shop.run_plain()
    after = shop.documents()
    return {key for key in {*before, *after} if before.get(key) != after.get(key)}
