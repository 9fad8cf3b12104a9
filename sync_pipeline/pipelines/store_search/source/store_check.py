"""Looking at a store before it is saved: does the token work, may it read what a batch reads, how much is there?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.index.languages import STANDARD, language

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sync_pipeline.connectors.bigcommerce.catalog import Catalog
    from sync_pipeline.connectors.bigcommerce.listing import RecordPage
    from sync_pipeline.connectors.bigcommerce.records import Store


class StoreRefusedError(UsageError):
    """The store cannot be synchronised as it is; nothing was saved."""

    kind = "store_refused"


@dataclass(frozen=True)
class StoreFacts:
    """What a store says of itself.

    ``language`` is the code whose rules search will use; ``counts`` are by collection; ``quota`` is the number of
    requests in a window of so many seconds, shared by all apps of the store; ``timezone`` is as the store calls it.
    """

    name: str
    language: str
    has_language_rules: bool
    currency: str | None
    plan: str | None
    status: str | None
    timezone: str | None
    counts: dict[str, int]
    quota: tuple[int, float] | None


async def inspect_store(catalog: Catalog, store_hash: str, *, language_code: str | None) -> StoreFacts:
    """Asks the store. Raises StoreRefusedError naming missing scopes, and what the connector raises."""
    scopes = await catalog.probe_scopes()
    missing = sorted(scope.value for scope, granted in scopes.items() if not granted)
    if missing:
        raise StoreRefusedError(
            f"BigCommerce store {store_hash}: the token lacks {', '.join(missing)}; make an API account with "
            f"{'that scope' if len(missing) == 1 else 'those scopes'}"
        )
    store = await catalog.store()
    products, categories, pages, posts = await asyncio.gather(
        catalog.count_products(), _count(catalog.categories()), _count(catalog.pages()), _count(catalog.blog_posts())
    )
    code = language_code or store.language or "en"
    return StoreFacts(
        name=store.name or store_hash,
        language=code,
        has_language_rules=language(code) is not STANDARD,
        currency=store.currency,
        plan=store.plan_name,
        status=store.status,
        timezone=_timezone(store),
        counts={"products": products, "categories": categories, "pages": pages, "blog_posts": posts},
        quota=catalog.quota,
    )


def _timezone(store: Store) -> str | None:
    name = store.timezone.get("name") if isinstance(store.timezone, dict) else None
    return name if isinstance(name, str) else None


async def _count(pages: AsyncGenerator[RecordPage]) -> int:
    return sum([len(page.records) async for page in pages])
