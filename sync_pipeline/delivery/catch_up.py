"""What others wrote while a new destination was filled or copied: found in the old ones, and written into it too.

Events go to the live destination and to the one being built, by runs that may die in between. So before the new one
takes over, and once more after it, it gets whatever the old ones have that is newer, and what it lacks of that which
was written into it must have been found gone since. What belongs here: those looks. What does not: the take-over.
"""

from __future__ import annotations

import asyncio
from array import array
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from sync_pipeline.delivery.key_hashes import KeyTable, key_hash
from sync_pipeline.operations import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

    from sync_pipeline.delivery.deliver import Delivery
    from sync_pipeline.delivery.destination import Readable
    from sync_pipeline.delivery.tombstones import Tombstones
    from sync_pipeline.operations import Operation, Stored


async def carry_over(
    olds: Iterable[Readable[Any]],
    new: Readable[Any],
    delivery: Delivery,
    *,
    since: int,
    copy: Callable[[Stored], Operation[Any]],
) -> int:
    """Writes what ``olds`` hold of a version after ``since`` into ``new``, where it is newer.

    ``delivery`` is one into ``new``; ``copy`` makes the write of a document. Returns how many documents were written.
    """

    async def pages() -> AsyncGenerator[Sequence[Operation[Any]]]:
        for old in olds:
            async with aclosing(old.scan(content=True, newer_than=since)) as found:
                async for page in found:
                    held = await new.get([stored.key for stored in page])
                    yield [
                        copy(stored)
                        for stored in page
                        if stored.key not in held or held[stored.key].version < stored.version
                    ]

    return (await delivery.run(pages())).outcomes[Outcome.WRITTEN]


async def count_missing(new: Readable[Any], written: array[int], tombstones: Tombstones, *, since: int) -> int:
    """Returns how many of the keys ``written`` are not there without having been found gone after ``since``.

    ``written`` are numbers of ``key_hash``.
    """
    missing, found = 1, 2
    keys = KeyTable(len(written))
    for hashed in written:
        keys.put(hashed, missing)
    left = len(keys)
    async with aclosing(new.keys()) as pages:
        async for page in pages:
            for hashed in map(key_hash, page):
                if keys.get(hashed) == missing:
                    keys.put(hashed, found)
                    left -= 1
    if left:
        # Read after the destination: what was deleted from it has its tombstone by then.
        gone = await asyncio.to_thread(tombstones.recorded_by_others, since=since)
        left -= sum(keys.get(hashed) == missing for hashed in {key_hash(delete.key) for delete in gone})
    return left


async def keys_until(old: Readable[Any], version: int) -> array[int]:
    """Returns the keys (``key_hash``) that ``old`` holds in a version up to ``version``: what a copy must have."""
    keys = array("Q")
    async with aclosing(old.scan()) as pages:
        async for page in pages:
            keys.extend(key_hash(stored.key) for stored in page if stored.version <= version)
    return keys
