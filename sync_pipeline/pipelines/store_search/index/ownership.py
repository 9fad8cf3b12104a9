"""Whose a store's indices are. Two ledgers on one cluster, or a new one beside the indices of a lost one, must not mix:
versions of different ledgers do not compare.

What belongs here: telling whose an index is, and the look with which everything begins that writes. What does not:
making and replacing indices (build.py).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sync_pipeline.batches.identity import identity_of
from sync_pipeline.batches.queue import at_work
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.batches.synced_keys import forget
from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.reading import highest
from sync_pipeline.delivery.versions import keep_ahead
from sync_pipeline.errors import Retry, ServiceUnavailableError, SyncPipelineError, one_line
from sync_pipeline.logs import Log
from sync_pipeline.pipelines.store_search.source.store_settings import written_by
from sync_pipeline.pipelines.store_search.types import IMPORTS, TAKE_OVER

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sync_pipeline.batches.identity import Identity
    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.connectors.elasticsearch.indices import PhysicalIndex

log = Log("sync_pipeline.store_search")

#: The mapping's `_meta` field that has the identity of the ledger that made the index.
LEDGER = "ledger"


class ForeignIndexError(SyncPipelineError):
    """Searches of a store see indices that another ledger made."""

    kind = "foreign_index"
    retry = Retry.PERSON

    def __init__(self, store_hash: str, names: Sequence[str]) -> None:
        super().__init__(
            f"the index {names[0]} was made by another ledger: nothing is written. If that ledger is lost, "
            f"`sync-pipeline sync run --store {store_hash} --take-over` replaces what it made; if it is in use, the "
            f"store does not belong here: `sync-pipeline stores remove {store_hash}`"
        )


def is_own(index: PhysicalIndex, identity: Identity) -> bool:
    """Returns whether the ledger made the index. One that a person made, or a write by accident, is nobody's."""
    mark = index.meta.get(LEDGER)
    return _was_built(index) and (identity.owns_unmarked if mark is None else mark == identity.id)


def is_foreign(index: PhysicalIndex, identity: Identity) -> bool:
    """Returns whether another ledger made the index."""
    return _was_built(index) and not is_own(index, identity)


def _was_built(index: PhysicalIndex) -> bool:
    return "batch_id" in index.meta


def check_own(store_hash: str, indices: Sequence[PhysicalIndex], identity: Identity) -> None:
    """Raises ForeignIndexError when an alias names an index of another ledger."""
    if foreign := [index.name for index in indices if index.aliases and is_foreign(index, identity)]:
        raise ForeignIndexError(store_hash, foreign)


async def foreign_indices(cluster: SearchCluster, store_hash: str, ledger: Ledger) -> list[str]:
    """Returns the names of a store's indices that another ledger made: those that searches see, then the others."""
    identity = await asyncio.to_thread(identity_of, ledger)
    found = [index for index in await StoreIndices(cluster, store_hash).list() if is_foreign(index, identity)]
    return [index.name for index in sorted(found, key=lambda index: not index.aliases)]


async def check_served(cluster: SearchCluster, store_hash: str, ledger: Ledger) -> None:
    """Raises ForeignIndexError when searches of a store see an index of another ledger."""
    identity = await asyncio.to_thread(identity_of, ledger)
    check_own(store_hash, await StoreIndices(cluster, store_hash).list(), identity)


def removable(indices: Sequence[PhysicalIndex], identity: Identity) -> list[PhysicalIndex]:
    """Returns those that no alias names and that the ledger may remove.

    Another ledger's only when an own one of the kind is live that was made later: it was taken over from. A later one
    may be a take-over that is under way.
    """
    live = {index.kind: index.created for index in indices if index.aliases and is_own(index, identity)}
    return [
        index
        for index in indices
        if not index.aliases
        and (not is_foreign(index, identity) or (index.kind in live and index.created < live[index.kind]))
    ]


@dataclass(frozen=True)
class OwnIndices:
    """The indices of a store that the ledger made, as a destination that remembers versions."""

    cluster: SearchCluster
    indices: Sequence[PhysicalIndex]
    #: The attempts (batch, attempt) that are at work on indices which no alias names yet.
    building: Collection[tuple[int, int]]

    async def highest_version(self) -> int:
        """Returns the highest version of a document, or of a batch that made one of the indices."""
        written = [
            index.name
            for index in self.indices
            if index.aliases or (index.meta.get("batch_id"), index.meta.get("attempt")) in self.building
        ]
        made = [index.meta.get(name) or 0 for index in self.indices for name in ("first_version", "made_version")]
        return max([*made, await self._highest_written(written)])

    async def _highest_written(self, names: Sequence[str]) -> int:
        """Returns the highest version of a document.

        An index that cannot be read is passed over while others can be: its own import will fail, and no other.
        """
        try:
            return await highest(self.cluster, names, "sync.version")
        except (SearchClusterError, ServiceUnavailableError) as error:
            found = [await self._highest_readable(name) for name in names]
            readable = [version for version in found if version is not None]
            if not readable:
                raise
            log.warning("versions not looked at", indices=names, error=one_line(error))
            return max(readable)

    async def _highest_readable(self, name: str) -> int | None:
        try:
            return await highest(self.cluster, [name], "sync.version")
        except (SearchClusterError, ServiceUnavailableError):
            return None


async def open_indices(cluster: SearchCluster, store_hash: str, part: BatchPart) -> Identity:
    """Looks at a store's indices before a batch reads or writes anything; returns the identity of its ledger.

    The versions that it draws are then larger than those in its indices. Raises ForeignIndexError when another ledger
    made what searches see, unless the batch is to take that over.
    """
    ledger = part.ledger
    identity = await asyncio.to_thread(identity_of, ledger)
    indices = await StoreIndices(cluster, store_hash).list()
    if not part.batch.options.get(TAKE_OVER):
        check_own(store_hash, indices, identity)
    building = await asyncio.to_thread(at_work, ledger, part.batch.scope, LaneName.BULK)
    own = OwnIndices(cluster, [index for index in indices if is_own(index, identity)], building)
    # A brand may have been renamed and named as before since the backup. With what is remembered of the store's own
    # facts goes what incremental batches go on from: the next one of each store is a full one.
    await keep_ahead(ledger, own, when_gone_back=lambda: forget(ledger, [written_by(part) for part in IMPORTS]))
    return identity
