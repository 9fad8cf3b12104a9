"""Reading products: the whole catalogue, what changed since a time, or chosen ids, and whether the reading is complete.

What belongs here: the products list's parameters and its completeness. What does not: ranges and workers (``keyset``).

Source: bigcommerce/docs, ``reference/catalog/products_catalog.v3.yml``: ``id:greater``, ``id:less``, ``id:in``,
``sort=id``, ``limit`` up to 250 (but 10 when ``include`` names options or modifiers, which nothing here does), no
cursor. A ``date_modified:min`` without a time gets the time of the request, so times are sent in full.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec

from sync_pipeline.connectors.bigcommerce.answers import counted_v3_page
from sync_pipeline.connectors.bigcommerce.completeness import incompleteness
from sync_pipeline.connectors.bigcommerce.errors import BadAnswerError, IncompleteListingError
from sync_pipeline.connectors.bigcommerce.keyset import IdRange, KeysetReader
from sync_pipeline.connectors.bigcommerce.listing import RecordPage, RecordReader
from sync_pipeline.connectors.bigcommerce.records import Product, RecordId
from sync_pipeline.connectors.bigcommerce.request import MOST_PER_PAGE, PageRequest, PageSize, Params, Request
from sync_pipeline.connectors.bigcommerce.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence

    from sync_pipeline.connectors.bigcommerce.client import BigCommerceClient

T = TypeVar("T")

PRODUCTS_PATH = "/v3/catalog/products"
INCLUDE = ("variants", "custom_fields", "images", "channels")

_BY_ID = {"sort": "id", "direction": "asc"}
#: The cheapest answer that the list gives: one record's id and name.
_CHEAPEST = {"limit": 1, "include_fields": "name"}


class ProductId(msgspec.Struct, frozen=True):
    """A product of which only the id was asked for."""

    id: RecordId


class ProductListings:
    """The product listings of one store. ``next_version`` draws a version; it is called just before each request."""

    def __init__(self, client: BigCommerceClient, next_version: Callable[[], Awaitable[int]]) -> None:
        self._client = client
        self._next_version = next_version
        self._reader = RecordReader(Product)

    async def count(self, *, modified_since: datetime | None = None) -> int:
        """Returns how many products there are, hidden ones included."""
        return await self._count(_since(modified_since))

    async def all(
        self, *, include: Sequence[str] = INCLUDE, modified_since: datetime | None = None
    ) -> AsyncGenerator[RecordPage[Product]]:
        """Yields all products, or those that BigCommerce calls modified since an aware time; pages come in no order.

        Raises IncompleteListingError after the last page if the listing cannot be believed to be whole.
        """
        async with aclosing(self._listing(self._reader, _included(include), _since(modified_since))) as pages:
            async for page in pages:
                yield page

    async def visible_ids(self) -> AsyncGenerator[RecordPage[ProductId]]:
        """Yields the ids of all visible products, read as cheaply as the API allows; otherwise like ``all``."""
        ids = RecordReader(ProductId)
        async with aclosing(self._listing(ids, {"include_fields": "name"}, {"is_visible": "true"})) as pages:
            async for page in pages:
                yield page

    async def _listing(self, reader: RecordReader[T], fields: Params, filters: Params) -> AsyncGenerator[RecordPage[T]]:
        keyset = self._keyset(reader, {**filters, **fields})
        first = await keyset.fetch(0, None)
        total, largest = await self._total_and_largest(filters)
        # Two witnesses: a first answer that is wrongly short only makes more to read.
        total = max(total, first.total or 0)
        yield replace(first, total=total)
        read = len(first.records)
        last = max((number for record in first.records if (number := reader.id_of(record))), default=0)
        largest = max(largest, last)
        if read < total:
            rest = IdRange(after=last, before=None, remaining=total - read)
            async with aclosing(keyset.read_concurrently(rest, largest=largest)) as pages:
                async for page in pages:
                    read += sum(1 for record in page.records if (reader.id_of(record) or 0) <= largest)
                    yield replace(page, total=total)
        if read < total:
            recounted = await self._count({**filters, "id:less": largest + 1})
            if why := incompleteness("products", announced=total, recounted=recounted, read=read):
                raise IncompleteListingError(self._client.store_hash, why)

    async def by_id(
        self, ids: Iterable[int], *, include: Sequence[str] = INCLUDE
    ) -> AsyncGenerator[RecordPage[Product]]:
        """Yields the products of ``ids``, one page for every 250 of them, which tells those that are ``absent``.

        A page's version is the lowest of the requests that it took.
        """
        wanted = sorted(set(ids))
        for start in range(0, len(wanted), MOST_PER_PAGE):
            group = wanted[start : start + MOST_PER_PAGE]
            keyset = self._keyset(self._reader, {"id:in": ",".join(map(str, group)), **_included(include)})
            async with aclosing(keyset.read(IdRange(after=0, before=None, remaining=0))) as answers:
                pages = [page async for page in answers]
            records = [record for page in pages for record in page.records]
            found = {self._reader.id_of(record) for record in records}
            # A record whose id cannot be told may be any of them, so none of them is known to be absent.
            absent = () if None in found else tuple(number for number in group if number not in found)
            yield RecordPage(min(page.version for page in pages), records, len(records), absent)

    def _keyset(self, reader: RecordReader[T], params: Params) -> KeysetReader[T]:
        size = PageSize()

        async def fetch(after: int, before: int | None) -> RecordPage[T]:
            bounds = {"id:greater": after} if before is None else {"id:greater": after, "id:less": before}
            request = PageRequest(
                PRODUCTS_PATH,
                Scope.PRODUCTS,
                reader.read_list,
                query=lambda limit: {**params, **_BY_ID, **bounds, "limit": limit},
                size=size,
                next_version=self._next_version,
            )
            answer = await self._client.get(request)
            size.succeeded(answer.per_page)
            return RecordPage(request.version, answer.records, answer.total)

        def stuck() -> Exception:
            return BadAnswerError(self._client.store_hash, f"GET {PRODUCTS_PATH} answered the same products again")

        return KeysetReader(fetch, reader.id_of, stuck)

    async def _count(self, filters: Params) -> int:
        request = Request(PRODUCTS_PATH, Scope.PRODUCTS, counted_v3_page, {**filters, **_CHEAPEST})
        return (await self._client.get(request)).total or 0

    async def _total_and_largest(self, filters: Params) -> tuple[int, int]:
        """Returns how many products the listing has, and the largest of their ids (0 without any)."""

        def read(body: bytes) -> tuple[int, int]:
            page = counted_v3_page(body)
            largest = msgspec.json.decode(page.records[0], type=ProductId, strict=False).id if page.records else 0
            return page.total or 0, largest

        params = {**filters, **_CHEAPEST, "sort": "id", "direction": "desc"}
        return await self._client.get(Request(PRODUCTS_PATH, Scope.PRODUCTS, read, params))


def _included(parts: Sequence[str]) -> Params:
    return {"include": ",".join(parts)} if parts else {}


def _since(time: datetime | None) -> Params:
    return {} if time is None else {"date_modified:min": time.astimezone(UTC).isoformat(timespec="seconds")}
