"""What an incremental and a selective batch read and write: streams of items for an index that is already live.

The books count every record that was looked at: unchanged ones too, and keys that only the index still has.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING

from sync_pipeline.batches.requests import Mode
from sync_pipeline.batches.stats import newest_reading
from sync_pipeline.batches.synced_keys import recall
from sync_pipeline.connectors.bigcommerce.errors import IncompleteListingError
from sync_pipeline.delivery.key_hashes import KeyTable, key_hash
from sync_pipeline.operations import Action, Operation
from sync_pipeline.pipelines.store_search.source.store_settings import written_by
from sync_pipeline.pipelines.store_search.types import Part, part_of_key, product_key

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Sequence
    from datetime import datetime

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.synced_keys import Seen
    from sync_pipeline.operations import Item
    from sync_pipeline.pipelines.store_search.index.live_index import LiveIndex
    from sync_pipeline.pipelines.store_search.source.store_source import StoreSource

#: How far before the last reading an incremental one begins: nobody promises that a change is listed at once.
OVERLAP = timedelta(minutes=15)

#: What is known of a product: the store lists it, or lists it and the index has it.
_LISTED, _INDEXED = 1, 2

#: How many ids one terms query asks for; Elasticsearch's own limit is 65,536.
TERMS = 10_000


async def live_changes(
    ledger: Ledger, source: StoreSource, live: LiveIndex, *, scope: str, mode: str, ids: Collection[str]
) -> AsyncGenerator[Sequence[Item]] | None:
    """Returns what an incremental or selective batch has to do to a live index.

    None when nothing tells since when, or when the store's currency or address is not what all products were written
    with: everything must be looked at again. Short listings are looked at whole anyway.
    """
    if mode == Mode.SELECTIVE:
        return selected(source, live, [key for key in ids if part_of_key(key) is live.kind.part])
    if live.kind.part is not Part.PRODUCTS:
        return changed_listing(source, live)
    last_read = await asyncio.to_thread(newest_reading, ledger, scope, live.kind.part)
    if last_read is None:
        return None
    now = await source.seen()
    written = written_by(Part.PRODUCTS)
    known = await asyncio.to_thread(recall, ledger, scope, [*now, written])
    if known.get(written) != await source.store_facts():
        return None
    return changed_products(source, live, last_read=last_read, known=known)


async def changed_products(
    source: StoreSource, live: LiveIndex, *, last_read: datetime, known: Seen
) -> AsyncGenerator[Sequence[Item]]:
    """Yields the products that an incremental batch has to write.

    These are products modified since the last reading, those that took something from a changed brand or category,
    those that the index lacks, and deletes of what the store no longer shows.

    Only the listing of all ids at the end tells what is gone. Raises IncompleteListingError when it has a product that
    the store did not give by its id, DeleteGuardError when it lacks too many.
    """
    done = KeyTable()
    #: Products that are there and not shown: how many they are is known only at the end, as of those that are gone.
    hidden: dict[str, Operation] = {}

    def look(items: Sequence[Item]) -> Sequence[Item]:
        done.update(item.key for item in items)
        return _without_deletes(items, hidden)

    not_given: set[str] = set()

    async with aclosing(source.modified_products(last_read - OVERLAP)) as pages:
        async for items in pages:
            yield look(await live.comparison.diff(items))
    affected = await affected_products(source, live, known)
    async for items in _named(source, live, [key for key in affected if not done.get(key_hash(key))]):
        not_given.update(delete.key for delete in _parted(items)[0])
        yield look(items)
    # Drawn after everything above was read: a product that vanished since then is deleted, whatever was written of it.
    version = await live.next_version()
    numbers = await source.visible_products()
    shop = KeyTable(len(numbers))
    shop.update(map(product_key, numbers), _LISTED)
    if wrongly := sorted(key for key in not_given if shop.get(key_hash(key))):
        raise IncompleteListingError(
            live.store_hash, f"{len(wrongly)} products were not given by their ids, but are listed ({wrongly[0]}, …)"
        )
    indexed = 0
    gone: list[str] = []
    async with aclosing(live.documents.keys()) as pages:
        async for keys in pages:
            indexed += len(keys)
            for key in keys:
                hashed = key_hash(key)
                if shop.get(hashed):
                    shop.put(hashed, _INDEXED)
                elif key not in hidden:
                    gone.append(key)
    lacking = (key for key in map(product_key, numbers) if shop.get(key_hash(key)) == _LISTED)
    async for items in _named(source, live, [key for key in lacking if not done.get(key_hash(key))]):
        yield _parted(items)[1]
    yield live.comparison.absent(gone, held=indexed, version=version, filtered=list(hidden.values()))


async def changed_listing(source: StoreSource, live: LiveIndex) -> AsyncGenerator[Sequence[Item]]:
    """Everything of a short listing, compared with the index, and deletes of what the listing lacks."""
    version = await live.next_version()
    listed = KeyTable()
    hidden: dict[str, Operation] = {}
    async with aclosing(source.items(live.kind.part)) as pages:
        async for items in pages:
            listed.update(item.key for item in items)
            yield _without_deletes(await live.comparison.diff(items), hidden)
    indexed = 0
    gone: list[str] = []
    async with aclosing(live.documents.keys()) as pages:
        async for keys in pages:
            indexed += len(keys)
            gone += [key for key in keys if not listed.get(key_hash(key))]
    yield live.comparison.absent(gone, held=indexed, version=version, filtered=list(hidden.values()))


async def selected(source: StoreSource, live: LiveIndex, keys: Collection[str]) -> AsyncGenerator[Sequence[Item]]:
    """Yields the named documents as their records are now; what the store does not have is deleted.

    Raises DeleteGuardError when that is too many.
    """
    hidden: dict[str, Operation] = {}
    if live.kind.part is Part.PRODUCTS:
        gone: list[Operation] = []
        async for items in _named(source, live, keys):
            absent, given = _parted(items)
            gone += absent
            yield _without_deletes(given, hidden)
        yield await live.comparison.guarded([*hidden.values(), *gone])
        return
    version = await live.next_version()
    missing = set(keys)
    if not missing:
        return
    async with aclosing(source.items(live.kind.part)) as pages:
        async for items in pages:
            wanted = [item for item in items if item.key in missing]
            missing -= {item.key for item in wanted}
            yield _without_deletes(await live.comparison.diff(wanted), hidden)
    gone = [Operation(key, version, Action.DELETE, absent=True) for key in sorted(missing)]
    yield await live.comparison.guarded([*hidden.values(), *gone])


async def _named(source: StoreSource, live: LiveIndex, keys: Collection[str]) -> AsyncGenerator[Sequence[Item]]:
    async with aclosing(source.named_products(sorted(keys))) as pages:
        async for items in pages:
            yield await live.comparison.diff(items)


async def affected_products(source: StoreSource, live: LiveIndex, known: Seen) -> set[str]:
    """Returns the indexed products that show a brand or category which is not what it was."""
    now = await source.seen()
    changed = {
        kind: {key for key in {*now[kind], *known.get(kind, {})} if now[kind].get(key) != known.get(kind, {}).get(key)}
        for kind in now
    }
    old_brands = sorted({known["brand"][key] for key in changed["brand"] if key in known.get("brand", {})})
    keys: set[str] = set()
    for field, values in (("brand.keyword", old_brands), ("category_ids", sorted(changed["category"]))):
        for start in range(0, len(values), TERMS):
            keys |= await live.keys({"terms": {field: values[start : start + TERMS]}})
    return keys


def _without_deletes(items: Sequence[Item], deletes: dict[str, Operation]) -> list[Item]:
    """Returns the items that delete nothing; the others go to ``deletes``, to be guarded when all are known."""
    rest: list[Item] = []
    for item in items:
        if isinstance(item, Operation) and item.action is Action.DELETE:
            deletes[item.key] = item
        else:
            rest.append(item)
    return rest


def _parted(items: Sequence[Item]) -> tuple[list[Operation], list[Item]]:
    """Returns the deletes of what was asked for by its id and not given, and everything else."""
    absent = [item for item in items if isinstance(item, Operation) and item.absent]
    return absent, [item for item in items if not (isinstance(item, Operation) and item.absent)]
