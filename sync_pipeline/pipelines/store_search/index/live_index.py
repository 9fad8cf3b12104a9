"""The index that searches see, as incremental and selective batches write it: compared first, then changed in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.reading import scan
from sync_pipeline.delivery.guard import check_deletes
from sync_pipeline.operations import Action, Filtered, Item, Operation, Unchanged
from sync_pipeline.pipelines.store_search.index.definition import MAPPING_VERSION
from sync_pipeline.pipelines.store_search.index.languages import language

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.pipelines.store_search.stores.models import Store
    from sync_pipeline.pipelines.store_search.types import Kind

FINGERPRINT = "sync.fingerprint"


@dataclass(frozen=True)
class LiveIndex:
    """The physical index behind a kind's alias.

    ``first_version`` is older than everything in it; ``confirmed`` lets any number of deletes pass; ``next_version``
    draws a version for what is read from then on.
    """

    cluster: SearchCluster
    store_hash: str
    kind: Kind
    name: str
    first_version: int
    confirmed: bool
    next_version: Callable[[], Awaitable[int]]

    @classmethod
    async def find(
        cls,
        cluster: SearchCluster,
        store: Store,
        kind: Kind,
        *,
        confirmed: bool,
        next_version: Callable[[], Awaitable[int]],
    ) -> LiveIndex | None:
        """The index that searches of the kind see, if documents of this version of the project fit into it."""
        found = await cls.targets(cluster, store, kind, building=(), confirmed=confirmed, next_version=next_version)
        return found[0] if found else None

    @classmethod
    async def targets(
        cls,
        cluster: SearchCluster,
        store: Store,
        kind: Kind,
        *,
        building: Collection[tuple[int, int]],
        confirmed: bool,
        next_version: Callable[[], Awaitable[int]],
    ) -> Sequence[LiveIndex]:
        """That index, if any, and then those that the attempts ``building`` (batch and attempt) make and fill."""
        live, made = [], []
        wanted = (MAPPING_VERSION, language(store.language).code)
        for index in await StoreIndices(cluster, store.hash).list():
            if index.kind != kind.word or (index.meta.get("mapping_version"), index.meta.get("language")) != wanted:
                continue
            one = cls(
                cluster, store.hash, kind, index.name, index.meta.get("first_version", 0), confirmed, next_version
            )
            if kind.alias(store.hash) in index.aliases:
                live.append(one)
            elif not index.aliases and (index.meta.get("batch_id"), index.meta.get("attempt")) in building:
                made.append(one)
        return [*live, *made]

    async def diff(self, items: Iterable[Item]) -> list[Item]:
        """The items as what they mean for this index.

        A document that it has already is unchanged; one that is filtered now, but was indexed, is deleted.
        """
        items = list(items)
        keys = [item.key for item in items if isinstance(item, Operation | Filtered)]
        stored = await BulkIndex(self.cluster, self.name).get(keys, [FINGERPRINT])
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
        await StoreIndices(self.cluster, self.store_hash).refresh(self.name)
        return {document.key async for page in scan(self.cluster, self.name, query=query) for document in page}

    def gone(self, keys: set[str], *, indexed: int, version: int) -> Sequence[Operation]:
        """Deletes of keys that the store no longer has, of ``indexed`` in all.

        ``version`` was drawn before the listing that lacks them. Raises DeleteGuardError when they are too many.
        """
        self._check(len(keys), indexed=indexed)
        return [Operation(key, version, Action.DELETE, absent=True) for key in sorted(keys)]

    async def guarded(self, deletes: Sequence[Operation]) -> Sequence[Operation]:
        """Deletes of documents that were asked for by name. Raises DeleteGuardError when it has too many of them."""
        if deletes:
            held = await BulkIndex(self.cluster, self.name).get([delete.key for delete in deletes], fields=())
            self._check(len(held), indexed=await StoreIndices(self.cluster, self.store_hash).count(self.name))
        return deletes

    def _check(self, deletes: int, *, indexed: int) -> None:
        check_deletes(
            what=f"{self.kind.word} of store {self.store_hash}",
            before=indexed,
            deletes=deletes,
            confirmed=self.confirmed,
        )
