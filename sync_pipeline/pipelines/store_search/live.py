"""The index that searches see, as incremental and selective batches write it: compared first, then changed in place."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.reading import scan
from sync_pipeline.delivery.guard import check_deletes
from sync_pipeline.operations import Action, Filtered, Item, Operation, Unchanged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sync_pipeline.pipelines.store_search.builds import StoreBuild
    from sync_pipeline.pipelines.store_search.types import Kind

FINGERPRINT = "sync.fingerprint"


@dataclass(frozen=True)
class LiveIndex:
    """The physical index behind a kind's alias."""

    build: StoreBuild
    kind: Kind
    name: str

    async def settle(self, items: Iterable[Item]) -> list[Item]:
        """The items as what they mean for this index.

        A document that it has already is unchanged; one that is filtered now, but was indexed, is deleted.
        """
        items = list(items)
        keys = [item.key for item in items if isinstance(item, Operation | Filtered)]
        stored = await BulkIndex(self.build.cluster, self.name).get(keys, [FINGERPRINT])
        settled: list[Item] = []
        for item in items:
            if isinstance(item, Operation) and item.key in stored:
                held = stored[item.key].source.get("sync", {}).get("fingerprint")
                settled.append(Unchanged(item.key) if held == item.fingerprint else item)
            elif isinstance(item, Filtered) and item.key in stored:
                settled.append(Operation(item.key, item.version, Action.DELETE))
            else:
                settled.append(item)
        return settled

    async def keys(self, query: dict[str, Any] | None = None) -> set[str]:
        """The keys of all documents, or of those that a query finds; everything written so far is seen."""
        await self.build.indices.refresh(self.name)
        return {document.key async for page in scan(self.build.cluster, self.name, query=query) for document in page}

    def gone(self, keys: set[str], *, indexed: int, version: int) -> Sequence[Operation]:
        """Deletes of keys that the store no longer has, of ``indexed`` in all.

        ``version`` was drawn before the listing that lacks them. Raises DeleteGuardError when they are too many.
        """
        check_deletes(
            what=f"{self.kind.word} of store {self.build.store.hash}",
            before=indexed,
            deletes=len(keys),
            confirmed=self.build.part.batch.confirm_deletes,
        )
        return [Operation(key, version, Action.DELETE, absent=True) for key in sorted(keys)]

    async def next_version(self) -> int:
        """A version for what is read from now on."""
        return await asyncio.to_thread(self.build.part.ledger.next_version)
