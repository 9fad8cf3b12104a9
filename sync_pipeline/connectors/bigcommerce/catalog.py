"""Everything that a synchronisation reads from one store, typed: the one door to this connector.

What belongs here: which endpoint gives which records. What does not: how lists are paged (``products``, ``collection``)
and what the records mean (``records``).

Sources: bigcommerce/docs, ``reference/``: ``catalog/*``, ``pages.v3.yml``, ``store_content.v2.yml``,
``store_information.v2.yml``, ``channels.v3.yml``, ``sites.v3.yml``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec

from sync_pipeline.connectors.bigcommerce.answers import v2_page, v3_page
from sync_pipeline.connectors.bigcommerce.collection import Collection, read_collection
from sync_pipeline.connectors.bigcommerce.errors import MissingScopeError
from sync_pipeline.connectors.bigcommerce.listing import RecordPage, RecordReader
from sync_pipeline.connectors.bigcommerce.products import INCLUDE, PRODUCTS_PATH, ProductId, ProductListings
from sync_pipeline.connectors.bigcommerce.records import (
    BlogPost,
    Brand,
    Category,
    Channel,
    Page,
    Product,
    Site,
    Store,
    Tree,
)
from sync_pipeline.connectors.bigcommerce.request import Params, Request
from sync_pipeline.connectors.bigcommerce.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence

    from sync_pipeline.connectors.bigcommerce.client import BigCommerceClient

T = TypeVar("T")


class _Time(msgspec.Struct):
    time: int


class _Count(msgspec.Struct):
    count: int


class _Owned(msgspec.Struct):
    product_id: int | None = None


class Catalog:
    """One store's records. ``next_version`` draws a version; it is awaited just before each request that reads records.

    All methods raise the errors of ``BigCommerceClient.get``. Listings are async iterators of RecordPage, and raise
    IncompleteListingError when they cannot be believed to be whole: until then, nothing they lack is known to be gone.
    """

    def __init__(self, client: BigCommerceClient, *, next_version: Callable[[], Awaitable[int]]) -> None:
        self._client = client
        self._next_version = next_version
        self._products = ProductListings(client, next_version)

    @property
    def quota(self) -> tuple[int, float] | None:
        """The store's request quota and its window in seconds, as the newest answer told it."""
        return self._client.quota

    async def store(self) -> Store:
        """Returns the store's own name, currency, language, status and default channel."""
        return await self._client.get(_one("/v2/store", Store))

    async def store_time(self) -> datetime:
        """Returns the store's clock, aware, in whole seconds: for ``modified_since`` of a later listing."""
        return datetime.fromtimestamp((await self._client.get(_one("/v2/time", _Time))).time, UTC)

    async def probe_scopes(self) -> dict[Scope, bool]:
        """Returns which of the needed scopes the token has, told by one cheap request each."""
        probes = [
            Request(PRODUCTS_PATH, Scope.PRODUCTS, v3_page, {"limit": 1, "include_fields": "name"}),
            Request("/v3/content/pages", Scope.CONTENT, v3_page, {"limit": 1}),
            _one("/v2/store", Store),
            Request("/v3/channels", Scope.CHANNELS, v3_page, {"limit": 1}),
            Request("/v3/sites", Scope.SITES, v3_page, {"limit": 1}),
        ]
        found = {}
        for probe in probes:
            try:
                await self._client.get(probe)
            except MissingScopeError:
                found[probe.scope] = False
            else:
                found[probe.scope] = True
        return found

    def channels(self) -> AsyncGenerator[RecordPage[Channel]]:
        """Returns the sales channels; 1 is the default storefront."""
        return self._v3("channels", "/v3/channels", Scope.CHANNELS, Channel)

    def sites(self) -> AsyncGenerator[RecordPage[Site]]:
        """Returns the channels' sites, with the absolute addresses that records' URLs are relative to."""
        return self._v3("sites", "/v3/sites", Scope.SITES, Site)

    def trees(self) -> AsyncGenerator[RecordPage[Tree]]:
        """Returns the category trees and the channels that show them."""
        return self._v3("category trees", "/v3/catalog/trees", Scope.PRODUCTS, Tree)

    def categories(self) -> AsyncGenerator[RecordPage[Category]]:
        """Returns the categories of all trees, hidden ones included."""
        path = "/v3/catalog/trees/categories"
        return self._v3("categories", path, Scope.PRODUCTS, Category, id_field="category_id")

    def brands(self) -> AsyncGenerator[RecordPage[Brand]]:
        """Returns the brands."""
        return self._v3("brands", "/v3/catalog/brands", Scope.PRODUCTS, Brand)

    def pages(self, *, include_body: bool = True) -> AsyncGenerator[RecordPage[Page]]:
        """Returns the web pages of all channels, hidden ones included."""
        params: Params = {"include": "body"} if include_body else {}
        return self._v3("web pages", "/v3/content/pages", Scope.CONTENT, Page, params=params)

    async def blog_posts(self) -> AsyncGenerator[RecordPage[BlogPost]]:
        """Yields the blog posts, drafts and posts of the future included."""

        def count(body: bytes) -> int:
            return msgspec.json.decode(body, type=_Count).count

        total = Request("/v2/blog/posts/count", Scope.CONTENT, count)
        posts = Collection(
            "blog posts", "/v2/blog/posts", Scope.CONTENT, RecordReader(BlogPost), total=total, decode=v2_page
        )
        for page in await read_collection(self._client, posts, self._next_version):
            yield page

    async def count_products(self, *, modified_since: datetime | None = None) -> int:
        """Returns how many products there are, hidden ones included."""
        return await self._products.count(modified_since=modified_since)

    def products(
        self, *, include: Sequence[str] = INCLUDE, modified_since: datetime | None = None
    ) -> AsyncGenerator[RecordPage[Product]]:
        """Returns all products, hidden ones included, in no order; with ``modified_since`` (aware) those modified
        since.

        What BigCommerce calls modified leaves much out (variants, images, custom fields): see ``ProductListings``.
        Memory does not grow with the catalogue. Use ``contextlib.aclosing`` when leaving early.
        """
        return self._products.all(include=include, modified_since=modified_since)

    def products_by_id(
        self, ids: Iterable[int], *, include: Sequence[str] = INCLUDE
    ) -> AsyncGenerator[RecordPage[Product]]:
        """Returns the products of ``ids``; each page tells the ids that are ``absent``."""
        return self._products.by_id(ids, include=include)

    async def product_ids_of_sku(self, sku: str) -> list[int]:
        """Returns the products that have the SKU, themselves or as a variant's. BigCommerce compares it whole."""
        return await self._client.get(Request("/v3/catalog/variants", Scope.PRODUCTS, _owners, {"sku": sku}))

    def visible_product_ids(self) -> AsyncGenerator[RecordPage[ProductId]]:
        """Returns the ids of all visible products, for telling what is gone."""
        return self._products.visible_ids()

    async def _v3(
        self,
        name: str,
        path: str,
        scope: Scope,
        record_type: type[T],
        *,
        id_field: str = "id",
        params: Params | None = None,
    ) -> AsyncGenerator[RecordPage[T]]:
        reader = RecordReader(record_type, id_field=id_field)
        total = Request(path, scope, lambda body: v3_page(body).total or 0, {"limit": 1})
        collection = Collection(name, path, scope, reader, total=total, params=params or {})
        for page in await read_collection(self._client, collection, self._next_version):
            yield page


def _owners(body: bytes) -> list[int]:
    """Returns the products of a page of variants."""
    variants = (msgspec.json.decode(raw, type=_Owned) for raw in v3_page(body).records)
    return sorted({variant.product_id for variant in variants if variant.product_id})


def _one(path: str, answer_type: type[T]) -> Request[T]:
    return Request(path, Scope.INFORMATION, msgspec.json.Decoder(answer_type).decode)
