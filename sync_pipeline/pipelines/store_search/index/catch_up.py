"""What others did to a kind's documents while an index of it was built or copied: `delivery.catch_up` on indices."""

from __future__ import annotations

from array import array
from contextlib import aclosing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sync_pipeline.connectors.elasticsearch.documents import DocumentIndex, copy_of
from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError
from sync_pipeline.delivery.catch_up import carry_over, count_missing, keys_until
from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.delivery.tombstones import Tombstones
from sync_pipeline.errors import SyncPipelineError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.clock import Clock
    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.operations import Rejected, Stored


class CarryOverError(SyncPipelineError):
    """What others wrote meanwhile cannot be written into the new index."""

    kind = "carry_over"


@dataclass(frozen=True)
class CatchUp:
    """An index into which nothing goes that was read before ``made_version``, and what others than the batch wrote."""

    cluster: SearchCluster
    name: str
    made_version: int
    part: BatchPart
    clock: Clock

    @cached_property
    def _documents(self) -> DocumentIndex:
        return DocumentIndex(self.cluster, self.name)

    async def carry_over(self, sources: Sequence[str]) -> int:
        """Writes what others wrote into ``sources`` meanwhile, where it is newer; returns how many documents."""
        olds = [_PassingIndex(self.cluster, source) for source in sources if source != self.name]
        delivery = Delivery.of(self.part, self._documents, keep=_refuse, clock=self.clock)
        return await carry_over(olds, self._documents, delivery, since=self.made_version, copy=copy_of)

    async def others_wrote(self) -> bool:
        """Tells whether others wrote into the index itself since it was made."""
        newer = {"range": {"sync.version": {"gt": self.made_version}}}
        own = {"term": {"sync.batch_id": str(self.part.batch.id)}}
        return await self._documents.count({"bool": {"filter": [newer], "must_not": [own]}}) > 0

    async def missing(self, written: array[int]) -> int:
        """Returns how many of the keys ``written`` (as ``key_hash``) it lacks that nobody found gone."""
        return await count_missing(self._documents, written, Tombstones.of(self.part), since=self.made_version)

    async def keys_before(self, sources: Sequence[str]) -> array[int]:
        """Returns the keys of ``sources`` that were there when the index was made, as ``key_hash``."""
        keys = array("Q")
        for source in sources:
            keys.extend(await keys_until(_PassingIndex(self.cluster, source), self.made_version))
        return keys


class _PassingIndex(DocumentIndex):
    """An index that somebody may remove at any moment: it then has no documents (any more)."""

    async def scan(self, *, content: bool = False, newer_than: int | None = None) -> AsyncGenerator[Sequence[Stored]]:
        try:
            async with aclosing(super().scan(content=content, newer_than=newer_than)) as pages:
                async for page in pages:
                    yield page
        except SearchClusterError as error:
            if error.error_type != "index_not_found_exception":
                raise


def _refuse(rejected: Sequence[Rejected]) -> None:
    raise CarryOverError(f"{rejected[0].key} could not be taken over into the new index: {rejected[0].message}")
