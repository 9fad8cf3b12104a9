"""A store's records as delivery items. The facts that several imports need are read once and shared.

What belongs here: which listing feeds which kind of index. What does not: HTTP (connectors), fields (documents/).
"""

from __future__ import annotations

import asyncio
import gc
from array import array
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import xxhash

from sync_pipeline.connectors.bigcommerce.listing import MalformedRecord
from sync_pipeline.operations import Action, Filtered, Operation, Rejected
from sync_pipeline.pipelines.store_search.documents.blog_posts import blog_post_item
from sync_pipeline.pipelines.store_search.documents.categories import category_item
from sync_pipeline.pipelines.store_search.documents.category_paths import build_category_paths
from sync_pipeline.pipelines.store_search.documents.context import StoreContext
from sync_pipeline.pipelines.store_search.documents.pages import page_item
from sync_pipeline.pipelines.store_search.documents.products import product_item
from sync_pipeline.pipelines.store_search.documents.urls import storefront_url
from sync_pipeline.pipelines.store_search.types import Part

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
    from datetime import datetime

    from sync_pipeline.batches.synced_keys import Seen
    from sync_pipeline.clock import Clock
    from sync_pipeline.connectors.bigcommerce.catalog import Catalog
    from sync_pipeline.connectors.bigcommerce.listing import RecordPage
    from sync_pipeline.connectors.bigcommerce.records import Category, Product
    from sync_pipeline.operations import Item

T = TypeVar("T")


@dataclass(frozen=True)
class _CatalogFacts:
    context: StoreContext
    category_pages: list[RecordPage[Category]]


class StoreSource:
    """One store, read for one batch; an async context manager, so that no shared reading outlives the batch.

    ``announced`` holds, by part, how many records the listings said they have (for progress).
    """

    def __init__(self, catalog: Catalog, *, batch_id: int, clock: Clock) -> None:
        self._catalog = catalog
        self._batch_id = batch_id
        self._clock = clock
        self._address = _Once(self._read_address)
        self._facts = _Once(self._read_facts)
        self._time = _Once(catalog.store_time)
        self.announced: dict[Part, int] = {}
        #: Brands and categories that products asked for by id name, and the facts do not know, as kind and number.
        self.unknown: set[tuple[str, int]] = set()

    async def __aenter__(self) -> Self:
        _leave_the_heap_alone()
        return self

    async def __aexit__(self, *_: object) -> None:
        for shared in (self._facts, self._address, self._time):
            await shared.cancel()

    def items(self, part: Part) -> AsyncGenerator[Sequence[Item]]:
        """Returns all items of an import, page by page. Raises what the listings raise, also when one is incomplete."""
        readers = {Part.PRODUCTS: self._products, Part.CATEGORIES: self._categories, Part.BLOG_POSTS: self._blog_posts}
        return readers[part]()

    async def read_at(self) -> datetime:
        """Returns the store's own clock, read once, before anything is listed.

        Where the next incremental batch begins.
        """
        return await self._time.get()

    async def seen(self) -> Seen:
        """Returns what products take from other records.

        Brands' names, and categories' full paths (empty without one).
        """
        facts = await self._facts.get()
        paths = {
            str(record.category_id): facts.context.categories.path(record.category_id) or ""
            for page in facts.category_pages
            for record in page.records
            if not isinstance(record, MalformedRecord)
        }
        return {"brand": {str(number): name for number, name in facts.context.brands.items()}, "category": paths}

    async def store_facts(self) -> dict[str, str]:
        """Returns what documents take from the store itself."""
        context = await self._address.get()
        return {"currency": context.currency or "", "base_url": context.base_url}

    async def modified_products(self, since: datetime) -> AsyncGenerator[Sequence[Item]]:
        """Yields the products that BigCommerce calls modified since then. Variants, for one, do not count as that."""
        context = (await self._facts.get()).context
        async with aclosing(self._catalog.products(modified_since=since)) as pages:
            async for page in pages:
                yield self._rendered(page, "product", product_item, context)

    async def named_products(self, keys: Iterable[str]) -> AsyncGenerator[Sequence[Item]]:
        """Yields the products of these document ids; one that the store does not have becomes a delete."""
        context = (await self._facts.get()).context
        numbers = [int(key.partition("-")[2]) for key in keys]
        async with aclosing(self._catalog.products_by_id(numbers)) as pages:
            async for page in pages:
                self._note_unknown(page, context)
                gone = [
                    Operation(f"product-{number}", page.version, Action.DELETE, absent=True) for number in page.absent
                ]
                yield [*self._rendered(page, "product", product_item, context), *gone]

    def _note_unknown(self, page: RecordPage[Product], context: StoreContext) -> None:
        for record in page.records:
            if isinstance(record, MalformedRecord):
                continue
            if record.brand_id and record.brand_id not in context.brands:
                self.unknown.add(("brand", record.brand_id))
            lacking = (number for number in record.categories or () if number and number not in context.categories)
            self.unknown.update(("category", number) for number in lacking)

    async def visible_products(self) -> array[int]:
        """Returns the numbers of all visible products, each 8 bytes."""
        async with aclosing(self._catalog.visible_product_ids()) as pages:
            numbers = array("Q")
            async for page in pages:
                numbers.extend(record.id for record in page.records if record.id is not None)
            return numbers

    async def _products(self) -> AsyncGenerator[Sequence[Item]]:
        context = (await self._facts.get()).context
        async with aclosing(self._catalog.products()) as pages:
            async for page in pages:
                self.announced[Part.PRODUCTS] = page.total or 0
                yield self._rendered(page, "product", product_item, context)

    async def _categories(self) -> AsyncGenerator[Sequence[Item]]:
        facts = await self._facts.get()
        self.announced[Part.CATEGORIES] = sum(len(page.records) for page in facts.category_pages)
        for page in facts.category_pages:
            yield self._rendered(page, "category", category_item, facts.context)
        async with aclosing(self._catalog.pages()) as pages:
            async for page in pages:
                self.announced[Part.CATEGORIES] += len(page.records)
                yield self._rendered(page, "page", page_item, facts.context)

    async def _blog_posts(self) -> AsyncGenerator[Sequence[Item]]:
        context = await self._address.get()
        async with aclosing(self._catalog.blog_posts()) as pages:
            async for page in pages:
                self.announced[Part.BLOG_POSTS] = page.total or 0
                yield self._rendered(page, "post", blog_post_item, context)

    def _rendered(
        self, page: RecordPage[Any], word: str, render: Callable[..., Item], context: StoreContext
    ) -> Sequence[Item]:
        now = self._clock.now()
        items: dict[str, Item] = {}  # a record that one answer lists twice is one record
        for record in page.records:
            if isinstance(record, MalformedRecord):
                key = f"{word}-{record.id or 'without-id-' + xxhash.xxh3_64_hexdigest(record.raw)}"
                item = Rejected(key, "malformed", record.message, record.raw, page.version)
            else:
                item = render(record, context=context, version=page.version, batch_id=self._batch_id, synced_at=now)
            items[item.key] = replace(item, version=page.version) if isinstance(item, Filtered) else item
        return list(items.values())

    async def _read_address(self) -> StoreContext:
        store = await self._catalog.store()
        sites = [site async for page in self._catalog.sites() for site in page.records]
        of_default_channel = [
            site
            for site in sites
            if not isinstance(site, MalformedRecord) and site.channel_id == (store.default_channel_id or 1)
        ]
        base_url = storefront_url(store, of_default_channel[0] if of_default_channel else None)
        return StoreContext(base_url=base_url, now=self._clock.now(), currency=store.currency)

    async def _read_facts(self) -> _CatalogFacts:
        context = await self._address.get()
        brands = [brand async for page in self._catalog.brands() for brand in page.records]
        category_pages = [page async for page in self._catalog.categories()]
        categories = [record for page in category_pages for record in page.records]
        context = replace(
            context,
            brands={brand.id: brand.name for brand in brands if not isinstance(brand, MalformedRecord) and brand.name},
            categories=build_category_paths(record for record in categories if not isinstance(record, MalformedRecord)),
        )
        return _CatalogFacts(context, category_pages)


@cache
def _leave_the_heap_alone() -> None:
    """Once in a process: the collector of cycles no longer looks through what there is now, all of Dagster.

    It would do so every few thousand records. Not undone when the batch ends: what is thawed counts as old, and its
    cycles would hardly ever be collected.
    """
    gc.freeze()


class _Once(Generic[T]):
    """A value that the first asker reads and all others wait for; an error is the same for all."""

    def __init__(self, read: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._read = read
        self._task: asyncio.Task[T] | None = None

    async def get(self) -> T:
        if self._task is None:
            self._task = asyncio.ensure_future(self._read())
        # An import that is cancelled does not take the others' reading with it.
        return await asyncio.shield(self._task)

    async def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
