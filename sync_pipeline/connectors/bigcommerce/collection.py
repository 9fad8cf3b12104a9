"""Reading a small collection whole: page by page by number, begun again when it changed underneath.

What belongs here: numbered pages, whether none is missing, records that come twice. What does not: products
(``products``), whose list is too long to hold and can be paged by id.

A record deleted on a page already read moves the next ones up, and one of them is never seen. So all pages are held
until they hold as many records as the collection says it has; BigCommerce bounds these collections at some ten
thousand.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from sync_pipeline.connectors.bigcommerce.answers import RawPage, v3_page
from sync_pipeline.connectors.bigcommerce.errors import IncompleteListingError
from sync_pipeline.connectors.bigcommerce.listing import RecordPage, RecordReader
from sync_pipeline.connectors.bigcommerce.request import PageRequest, PageSize, Params, Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sync_pipeline.connectors.bigcommerce.client import BigCommerceClient
    from sync_pipeline.connectors.bigcommerce.scopes import Scope

T = TypeVar("T")

#: How often a collection is read in all before it counts as incomplete.
PASSES = 3


@dataclass(slots=True, frozen=True)
class Collection(Generic[T]):
    """One collection's endpoint. ``name`` is for people; ``decode`` reads a page's body.

    ``total`` is the request that tells how many records there are, asked before the pages as a second witness.
    """

    name: str
    path: str
    scope: Scope
    reader: RecordReader[T]
    total: Request[int]
    params: Params = field(default_factory=dict)
    decode: Callable[[bytes], RawPage] = v3_page


async def read_collection(
    client: BigCommerceClient, collection: Collection[T], next_version: Callable[[], Awaitable[int]]
) -> list[RecordPage[T]]:
    """Returns all pages of ``collection``; of a record that came twice only the later one.

    Raises IncompleteListingError if it gave fewer records than it announced each time that it was read.
    """
    announced = read = 0
    for _ in range(PASSES):
        total = await client.get(collection.total)
        pages = _without_earlier_copies(await _read_once(client, collection, next_version), collection.reader)
        announced = max(total, *(page.total or 0 for page in pages))
        read = sum(len(page.records) for page in pages)
        if read >= announced:
            return [replace(page, total=announced) for page in pages]
    raise IncompleteListingError(
        client.store_hash,
        f"the listing of {collection.name} announced {announced:,} records but gave {read:,}, {PASSES} times in a row: "
        "not taken as complete; try again later",
    )


async def _read_once(
    client: BigCommerceClient, collection: Collection[T], next_version: Callable[[], Awaitable[int]]
) -> list[RecordPage[T]]:
    size, offset, pages = PageSize(), 0, []
    while True:
        request = _page(collection, offset, size, next_version)
        raw = await client.get(request)
        limit = min(request.limit, raw.per_page or request.limit)
        size.succeeded(raw.per_page)
        pages.append(RecordPage(request.version, [collection.reader.read(record) for record in raw.records], raw.total))
        # Where pages became smaller, this one may begin before the offset: copies, but no gap.
        end = offset // request.limit * limit + len(raw.records)
        is_last = len(raw.records) < limit if raw.total is None else end >= raw.total
        if is_last or end <= offset:
            return pages
        offset = end


def _page(
    collection: Collection[T], offset: int, size: PageSize, next_version: Callable[[], Awaitable[int]]
) -> PageRequest[RawPage]:
    return PageRequest(
        collection.path,
        collection.scope,
        collection.decode,
        query=lambda limit: {**collection.params, "page": offset // limit + 1, "limit": limit},
        size=size,
        next_version=next_version,
    )


def _without_earlier_copies(pages: list[RecordPage[T]], reader: RecordReader[T]) -> list[RecordPage[T]]:
    seen: set[int] = set()
    kept = []
    for page in reversed(pages):
        records = []
        for record in page.records:
            number = reader.id_of(record)
            if number is None or number not in seen:
                records.append(record)
                if number is not None:
                    seen.add(number)
        kept.append(replace(page, records=records))
    return kept[::-1]
