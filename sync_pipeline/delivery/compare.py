"""Comparing what a source gives with what a destination holds: only what differs is written, and deletes are guarded.

What belongs here: the comparison for a batch that changes a destination in place. What does not: looking at everything
without writing (preview.py), and checking that a destination is what it should be (verify.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sync_pipeline.delivery.guard import GuardBounds, check_deletes
from sync_pipeline.delivery.key_hashes import KeyTable, key_hash
from sync_pipeline.delivery.sound_keys import sound_items
from sync_pipeline.operations import Action, Filtered, Operation, Unchanged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sync_pipeline.delivery.destination import Readable
    from sync_pipeline.operations import Item, Stored


@dataclass(frozen=True)
class Comparison:
    """A destination to compare with, for one delivery: it knows which keys are on their way there.

    ``what`` names its records in messages; ``confirmed`` lets all deletes pass.
    """

    destination: Readable[Any]
    what: str
    bounds: GuardBounds = field(default_factory=GuardBounds)
    confirmed: bool = False
    #: Keys of which something else than what is stored was let through. What is stored says nothing of them any more.
    _changing: KeyTable = field(default_factory=KeyTable)

    async def diff(self, items: Iterable[Item]) -> list[Item]:
        """Returns the items as what they mean for the destination.

        A document that it has already is unchanged; one that is filtered now, but is there, is deleted. Of a key that
        came before and was not unchanged then, every further item is a write or a delete: which of them is the newest
        is for the delivery and the destination to say.
        """
        items = sound_items(items)
        keys = [item.key for item in items if isinstance(item, Operation | Filtered)]
        stored = await self.destination.get(keys)
        return [
            self._meaning(item, stored.get(item.key)) if isinstance(item, Operation | Filtered) else item
            for item in items
        ]

    def _meaning(self, item: Operation[Any] | Filtered, held: Stored | None) -> Item:
        hashed = key_hash(item.key)
        if not self._changing.get(hashed):
            if isinstance(item, Operation) and held and item.fingerprint and held.fingerprint == item.fingerprint:
                return Unchanged(item.key, item.version, item.record)
            if isinstance(item, Filtered) and held is None:
                return item
        self._changing.put(hashed, 1)
        if isinstance(item, Filtered):
            return Operation(item.key, item.version, Action.DELETE, record=item.record)
        return item

    def absent(
        self, keys: Iterable[str], *, held: int, version: int, filtered: Sequence[Operation[Any]] = ()
    ) -> Sequence[Operation[Any]]:
        """Returns deletes of keys that a whole listing lacks, of ``held`` in the destination.

        ``version`` was drawn before the listing. ``filtered`` are deletes of records that are there and not wanted;
        they count, and come first. Raises DeleteGuardError when all of them are too many.
        """
        keys = sorted(keys)
        self.check(len(filtered) + len(keys), held=held)
        return [*filtered, *(Operation(key, version, Action.DELETE, absent=True) for key in keys)]

    async def guarded(self, deletes: Sequence[Operation[Any]]) -> Sequence[Operation[Any]]:
        """Returns deletes of documents that were asked for by name.

        Raises DeleteGuardError when the destination has too many of them.
        """
        if deletes:
            held = await self.destination.get([delete.key for delete in deletes])
            self.check(len(held), held=await self.destination.count())
        return deletes

    def check(self, deletes: int, *, held: int) -> None:
        """Raises DeleteGuardError when ``deletes`` of ``held`` documents are too many to be believed."""
        check_deletes(what=self.what, before=held, deletes=deletes, confirmed=self.confirmed, bounds=self.bounds)
