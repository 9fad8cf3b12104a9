"""Verifying a destination: what the source would deliver now against what is really stored, document by document.

What is compared is computed from the content on both sides: neither the checksum that was stored with it nor the ledger
is asked. A document takes 24 to 48 bytes of memory, whatever its size. What differs at first is a suspect and read
again, by key on both sides, until nothing of it can be under way. What belongs here: the comparison, for every
destination that can be read. What does not: where source and destination come from, and the repair (repair.py).
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import xxhash

from sync_pipeline.batches.requests import Level
from sync_pipeline.delivery.key_hashes import KeyTable, key_hash
from sync_pipeline.delivery.preview import changed_fields
from sync_pipeline.delivery.sound_keys import sound_items
from sync_pipeline.operations import Action, Filtered, Operation, Rejected, Unchanged

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from sync_pipeline.clock import Clock
    from sync_pipeline.delivery.compare import Comparison
    from sync_pipeline.operations import Item, Stored

#: How many differing documents are shown.
SAMPLES = 20

#: How many suspects are read again. More differ because of something else than lost documents.
MAX_SUSPECTS = 50_000

#: How often suspects are read again, and the seconds before each time: what is edited now is stored well within them.
ROUNDS = 4
PAUSE = 5.0

#: How many documents are read by their keys at once.
CHUNK = 500

#: In the table of what is stored: a document that the source has given. All other numbers are of a content.
_SEEN = 1


class Difference(StrEnum):
    """What is wrong with a document."""

    MISSING = "missing"
    EXTRA = "extra"
    DIFFERING = "differing"


class VerifiedSource(Protocol):
    """A source as it delivers at this moment."""

    def items(self) -> AsyncGenerator[Sequence[Item]]:
        """Yields everything. Raises when the listing is incomplete: then nothing is known to be extra."""
        ...

    def named(self, keys: Sequence[str]) -> AsyncGenerator[Sequence[Item]]:
        """Yields the items of some keys, with nothing remembered from before.

        What is gone is left out, or a delete.
        """
        ...


@dataclass
class Verification:
    """What was found; live while it goes on.

    ``read`` items of the source and ``stored`` documents were compared. ``suspects`` differed at first; of these
    ``moving`` were still changing at the end, and ``unread`` were too many to be read again. ``rejected`` records
    cannot become documents: the dead letters have them. ``sample`` has the first differences with their fields
    (stored and expected value), ``keys`` all of them. ``repaired`` of them are as they should be now.
    """

    read: int = 0
    stored: int = 0
    rejected: int = 0
    suspects: int = 0
    moving: int = 0
    unread: int = 0
    missing: int = 0
    extra: int = 0
    differing: int = 0
    repaired: int = 0
    sample: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    @property
    def in_step(self) -> bool:
        """Whether the destination holds what it should, at the end."""
        return not self.unread and self.missing + self.extra + self.differing == self.repaired

    def as_dict(self) -> dict[str, Any]:
        """Returns the figures and the sample, for the ledger and for people."""
        names = ("read", "stored", "rejected", "suspects", "moving", "unread", "missing", "extra", "differing")
        stats = {name: getattr(self, name) for name in (*names, "repaired")}
        return {**stats, "in_step": self.in_step, "sample": self.sample}


@dataclass
class Verifier:
    """One verification of one destination.

    ``comparison`` has the destination and the guard that a listing must pass before what it lacks is believed to be
    extra.
    """

    source: VerifiedSource
    comparison: Comparison
    clock: Clock
    level: Level = Level.CONTENT
    rounds: int = ROUNDS
    pause: float = PAUSE
    result: Verification = field(default_factory=Verification)
    _seen: int = 0

    async def run(self) -> Verification:
        """Compares everything. Raises what reading either side raises, and DeleteGuardError for too short a listing."""
        stored = await self._read_stored()
        suspects = await self._read_source(stored)
        unseen = len(stored) - self._seen
        if unseen:
            self.comparison.check(unseen, held=len(stored))
            async with aclosing(self.comparison.destination.keys()) as pages:
                async for keys in pages:
                    suspects += [key for key in keys if stored.get(key_hash(key)) > _SEEN]
        suspects = list(dict.fromkeys(suspects))
        self.result.suspects = len(suspects)
        self.result.unread = max(0, len(suspects) - MAX_SUSPECTS)
        await self._read_again(suspects[:MAX_SUSPECTS])
        return self.result

    async def _read_stored(self) -> KeyTable:
        """Returns a number for the content of each stored document, by key hash."""
        destination = self.comparison.destination
        table = KeyTable(await destination.count())
        by_content = self.level is not Level.FAST
        async with aclosing(destination.scan(content=by_content)) as pages:
            async for page in pages:
                for stored in page:
                    number = content_hash(stored.content) if by_content else key_hash(stored.fingerprint)
                    table.put(key_hash(stored.key), _distinct(number))
                self.result.stored += len(page)
        return table

    async def _read_source(self, stored: KeyTable) -> list[str]:
        """Returns the keys of items that are not stored as they should be; marks all items' documents as seen."""
        suspects: list[str] = []
        async with aclosing(self.source.items()) as pages:
            async for items in pages:
                self.result.read += len(items)
                for item in sound_items(items):
                    hashed = key_hash(item.key)
                    held = stored.get(hashed)
                    if held == _SEEN:
                        # A listing that shifts under its reader gives a record twice: the newer reading counts.
                        suspects.append(item.key)
                        continue
                    if held:
                        stored.put(hashed, _SEEN)
                        self._seen += 1
                    match item:
                        case Rejected():
                            self.result.rejected += 1
                        case Operation(action=Action.UPSERT):
                            if held != self._number_of(item):
                                suspects.append(item.key)
                        case Filtered() | Operation() if held:
                            suspects.append(item.key)
        return suspects

    async def _read_again(self, suspects: list[str]) -> None:
        """Reads suspects until they are in step, or have stayed as they are for the last two of all rounds."""
        before: dict[str, _Look] = {}
        looks = dict.fromkeys(suspects, _Look(None))
        for _ in range(self.rounds):
            if not looks:
                return
            await self.clock.sleep(self.pause)
            before, looks = looks, await self.look(list(looks))
        for key, look in looks.items():
            if look.state != before[key].state or look.difference is None:
                self.result.moving += 1
                continue
            setattr(self.result, look.difference, getattr(self.result, look.difference) + 1)
            self.result.keys.append(key)
            if len(self.result.sample) < SAMPLES:
                self.result.sample.append({"key": key, "difference": look.difference.value, "fields": look.fields})

    async def look(self, keys: Sequence[str]) -> dict[str, _Look]:
        """Reads documents on both sides; returns those that differ, in the order of the keys."""
        looks: dict[str, _Look] = {}
        versions = dict.fromkeys(keys, -1)
        async with aclosing(self.source.named(keys)) as pages:
            async for items in pages:
                wanted: dict[str, Item | None] = {}
                for item in items:
                    # Of a record that is given twice, the newest reading counts, and of these the last.
                    if item.version >= versions.get(item.key, item.version + 1):
                        versions[item.key] = item.version
                        wanted[item.key] = item
                looks |= await self._compare(wanted)
        lacking = [key for key, version in versions.items() if version < 0]
        for start in range(0, len(lacking), CHUNK):
            looks |= await self._compare(dict.fromkeys(lacking[start : start + CHUNK]))
        return {key: looks[key] for key in keys if key in looks and looks[key].difference is not None}

    async def _compare(self, wanted: Mapping[str, Item | None]) -> dict[str, _Look]:
        stored = await self.comparison.destination.get(list(wanted), content=True)
        return {key: self._difference(item, stored.get(key)) for key, item in wanted.items()}

    def _difference(self, item: Item | None, stored: Stored | None) -> _Look:
        if isinstance(item, Rejected | Unchanged):
            return _Look(None)
        held = None if stored is None else (stored.version, content_hash(stored.content))
        if not isinstance(item, Operation) or item.action is Action.DELETE:
            return _Look(None if stored is None else Difference.EXTRA, (0, held))
        content = self.comparison.destination.content_of(item)
        state = (content_hash(content), held)
        if stored is None:
            return _Look(Difference.MISSING, state)
        fields = changed_fields(stored.content, content)
        return _Look(Difference.DIFFERING if fields else None, state, fields)

    def _number_of(self, operation: Operation[Any]) -> int:
        if self.level is Level.FAST:
            return _distinct(key_hash(operation.fingerprint))
        return _distinct(content_hash(self.comparison.destination.content_of(operation)))


@dataclass(slots=True, frozen=True)
class _Look:
    """What one look at a document showed; ``state`` is what it was on both sides."""

    difference: Difference | None
    state: tuple[int, tuple[int, int] | None] = (0, None)
    fields: dict[str, list[str]] = field(default_factory=dict)


def content_hash(content: Mapping[str, Any]) -> int:
    """Returns a content as a 64-bit number, in whatever order its fields are: engines differ in that."""
    return xxhash.xxh3_64_intdigest(msgspec.json.encode(content, enc_hook=repr, order="sorted"))


def _distinct(number: int) -> int:
    """Returns a number that is neither 0 nor ``_SEEN``."""
    return max(number, _SEEN + 1)
