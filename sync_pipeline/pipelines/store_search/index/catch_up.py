"""What others did to a kind's documents while an index of it was built or copied: found, and done to that index too.

Events are written to the live index and to the one being built, by runs that may die in between. So before its swap,
and once more after it, the new index gets whatever the old one has of others that is newer, and what it lacks of that
which was written into it must have been found gone since. What belongs here: those looks. What does not: the swap.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import xxhash

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError
from sync_pipeline.connectors.elasticsearch.reading import count, refresh, scan
from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.errors import SyncPipelineError
from sync_pipeline.operations import Operation, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Sequence

    from sync_pipeline.clock import Clock
    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.connectors.elasticsearch.reading import StoredDocument
    from sync_pipeline.delivery.tombstones import Tombstones
    from sync_pipeline.operations import Rejected


class CarryOverError(SyncPipelineError):
    """What others wrote meanwhile cannot be written into the new index."""

    kind = "carry_over"


def key_hash(key: str) -> int:
    """A key in 8 bytes: what was written is remembered so, and compared when somebody else wrote too."""
    return xxhash.xxh3_64_intdigest(key.encode())


@dataclass(frozen=True)
class CatchUp:
    """An index into which nothing goes that was read before ``made_version`` was drawn, and what others wrote since."""

    cluster: SearchCluster
    name: str
    batch_id: int
    made_version: int
    tombstones: Tombstones
    fence: Callable[[], None]
    clock: Clock

    @property
    def _of_others(self) -> dict[str, Any]:
        newer = {"range": {"sync.version": {"gt": self.made_version}}}
        return {"bool": {"filter": [newer], "must_not": [{"term": {"sync.batch_id": str(self.batch_id)}}]}}

    async def carry_over(self, sources: Sequence[str]) -> int:
        """Writes what others wrote into ``sources`` meanwhile, where it is newer; how many documents that were."""
        index = BulkIndex(self.cluster, self.name)
        delivery = Delivery(
            index, fence=self.fence, record_tombstones=self.tombstones.record_tombstones, keep=_refuse, clock=self.clock
        )

        async def pages() -> AsyncGenerator[Sequence[Operation]]:
            for source in sources:
                if source == self.name:
                    continue
                await refresh(self.cluster, source, if_there=True)
                async with aclosing(self._scan(source, self._of_others, fields=["*"])) as found:
                    async for page in found:
                        held = await index.get([document.key for document in page], fields=())
                        yield [
                            Operation(document.key, document.version, body=msgspec.json.encode(document.source))
                            for document in page
                            if document.key not in held or held[document.key].version < document.version
                        ]

        return (await delivery.run(pages())).outcomes[Outcome.WRITTEN]

    async def others_wrote(self) -> bool:
        """Whether others wrote into the index itself since it was made."""
        return await count(self.cluster, self.name, query=self._of_others) > 0

    async def missing(self, written: Collection[int]) -> int:
        """How many of the keys ``written`` (as ``key_hash``) the index lacks without anybody having found them gone."""
        left = set(written)
        async with aclosing(scan(self.cluster, self.name)) as pages:
            async for page in pages:
                left.difference_update(key_hash(document.key) for document in page)
        if left:
            # Read after the index: what was deleted from it has its tombstone by then.
            gone = await asyncio.to_thread(self.tombstones.recorded_by_others, since=self.made_version)
            left.difference_update(key_hash(delete.key) for delete in gone)
        return len(left)

    async def keys_before(self, source: str) -> set[int]:
        """The keys of ``source`` that were there when the index was made, as ``key_hash``: what a copy must have."""
        before = {"range": {"sync.version": {"lte": self.made_version}}}
        async with aclosing(self._scan(source, before)) as pages:
            return {key_hash(document.key) async for page in pages for document in page}

    async def _scan(
        self, source: str, query: dict[str, Any], fields: Sequence[str] = ()
    ) -> AsyncGenerator[list[StoredDocument]]:
        """The documents that a query finds; none of an index that somebody has removed."""
        try:
            async with aclosing(scan(self.cluster, source, fields=fields, query=query)) as pages:
                async for page in pages:
                    yield page
        except SearchClusterError as error:
            if error.error_type != "index_not_found_exception":
                raise


def _refuse(rejected: Sequence[Rejected]) -> None:
    raise CarryOverError(f"{rejected[0].key} could not be taken over into the new index: {rejected[0].message}")
