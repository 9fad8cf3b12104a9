"""What a drain writes, and where: the live index of a kind and the one that a full batch or a copy is building.

The live one comes last: what searches have seen is then in the index that may take its place at any moment, also when
the drain is killed between two writes. Indices come and go while it writes: they are listed again after each write,
until none was missed. An index that is made after a write is filled with what is read after it. The books are those of
the live index: a record counts once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from sync_pipeline.batches.queue import at_work
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.delivery.books import Books
from sync_pipeline.delivery.dead_letters import DeadLetters
from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.delivery.error_budget import ErrorBudget
from sync_pipeline.delivery.guard import DeleteGuardError
from sync_pipeline.operations import Action, DestinationError, Operation, Rejected, RetryableDestinationError
from sync_pipeline.pipelines.store_search.index.live_index import LiveIndex
from sync_pipeline.pipelines.store_search.types import Part, kind_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from sync_pipeline.batches.identity import Identity
    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.clock import Clock
    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.operations import Item
    from sync_pipeline.pipelines.store_search.stores.models import Store


@dataclass
class EventDelivery:
    """The deliveries of one drain. ``dead`` are the keys of the present group that ended as dead letters."""

    cluster: SearchCluster
    store: Store
    part: BatchPart
    clock: Clock
    identity: Identity
    books: Books = field(default_factory=Books)
    dead: set[str] = field(default_factory=set)

    @cached_property
    def letters(self) -> DeadLetters:
        """Where records go that cannot be delivered."""
        return DeadLetters.of(self.part)

    def begin(self) -> None:
        """Begins a group of events."""
        self.dead = set()

    async def targets(self, part: Part) -> Sequence[LiveIndex]:
        """Returns the indices that must have what is written now: the live one last. Raises ForeignIndexError."""
        ledger = self.part.ledger
        building = await asyncio.to_thread(at_work, ledger, self.part.batch.scope, LaneName.BULK)
        return await LiveIndex.targets(
            self.cluster,
            self.store,
            kind_of(part),
            identity=self.identity,
            building=building,
            confirmed=False,
            next_version=lambda: asyncio.to_thread(ledger.next_version),
        )

    async def live(self, part: Part) -> LiveIndex | None:
        """Returns the index that searches of the import's kind see."""
        found = await self.targets(part)
        return found[-1] if found else None

    async def is_plausible(self, part: Part, deletes: Sequence[Operation]) -> bool:
        """Returns whether so many documents of the live index may be gone without an event that says so."""
        live = await self.live(part)
        try:
            if live is not None:
                await live.comparison.guarded(deletes)
        except DeleteGuardError:
            return False
        return True

    async def delete(self, part: Part, keys: Sequence[str], version: int) -> None:
        """Deletes documents whose records a whole listing lacked; ``version`` was drawn before it."""
        await self.deliver(part, [Operation(key, version, Action.DELETE, absent=True) for key in keys])

    async def deliver(self, part: Part, items: Sequence[Item]) -> None:
        """Writes the items into every index that must have them. Raises what ends the delivery."""
        written: set[str] = set()
        booked = False
        documents = [item for item in items if not isinstance(item, Rejected)]
        while items and (missed := [one for one in await self.targets(part) if one.name not in written]):
            for target in missed:
                books, counts = Books(), target is missed[-1] and not booked
                try:
                    await self._write(target, items if counts else documents, books)
                except RetryableDestinationError:
                    raise
                except DestinationError:
                    # Somebody removed it meanwhile, or it is a real failure.
                    if target.name in {one.name for one in await self.targets(part)}:
                        raise
                else:
                    if counts:
                        self.books.merge(books)
                        booked = True
                written.add(target.name)

    async def _write(self, target: LiveIndex, items: Sequence[Item], books: Books) -> None:
        settled = await target.comparison.diff(items)

        async def pages() -> AsyncGenerator[Sequence[Item]]:
            yield settled

        await Delivery.of(
            self.part,
            target.documents,
            letters=self.letters,
            keep=self._keep,
            books=books,
            # Events are few, and one bad record says nothing about the next.
            budget=ErrorBudget(share=1.0),
            min_version=target.first_version,
            clock=self.clock,
        ).run(pages())

    def _keep(self, rejected: Sequence[Rejected]) -> None:
        self.letters.add(rejected)
        self.dead.update(item.key for item in rejected)
