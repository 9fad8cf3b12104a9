"""The index that searches see, as incremental and selective batches write it: compared first, then changed in place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sync_pipeline.connectors.elasticsearch.documents import DocumentIndex
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.delivery.compare import Comparison
from sync_pipeline.pipelines.store_search.index.definition import MAPPING_VERSION
from sync_pipeline.pipelines.store_search.index.languages import language
from sync_pipeline.pipelines.store_search.index.ownership import check_own, is_own

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from sync_pipeline.batches.identity import Identity
    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.pipelines.store_search.stores.models import Store
    from sync_pipeline.pipelines.store_search.types import Kind


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
        identity: Identity,
        confirmed: bool,
        next_version: Callable[[], Awaitable[int]],
    ) -> LiveIndex | None:
        """Returns the index that searches of the kind see, if documents of this version of the project fit into it.

        Raises ForeignIndexError as ``targets``.
        """
        found = await cls.targets(
            cluster, store, kind, identity=identity, building=(), confirmed=confirmed, next_version=next_version
        )
        return found[0] if found else None

    @classmethod
    async def targets(
        cls,
        cluster: SearchCluster,
        store: Store,
        kind: Kind,
        *,
        identity: Identity,
        building: Collection[tuple[int, int]],
        confirmed: bool,
        next_version: Callable[[], Awaitable[int]],
    ) -> Sequence[LiveIndex]:
        """Returns those which the attempts ``building`` (batch, attempt) fill, and then that index, if any.

        All were made by the ledger of that ``identity``. Raises ForeignIndexError when searches see another's.
        """
        live, made = [], []
        indices = await StoreIndices(cluster, store.hash).list()
        check_own(store.hash, indices, identity)
        wanted = (MAPPING_VERSION, language(store.language).code)
        for index in indices:
            if index.kind != kind.word or not is_own(index, identity):
                continue
            if (index.meta.get("mapping_version"), index.meta.get("language")) != wanted:
                continue
            one = cls(
                cluster, store.hash, kind, index.name, index.meta.get("first_version", 0), confirmed, next_version
            )
            if kind.alias(store.hash) in index.aliases:
                live.append(one)
            elif not index.aliases and (index.meta.get("batch_id"), index.meta.get("attempt")) in building:
                made.append(one)
        return [*made, *live]

    @cached_property
    def documents(self) -> DocumentIndex:
        """What is in it."""
        return DocumentIndex(self.cluster, self.name)

    @cached_property
    def comparison(self) -> Comparison:
        """The look at what is in it before it is changed, and the guard before deletes."""
        what = f"{self.kind.word} of store {self.store_hash}"
        return Comparison(self.documents, what, bounds=self.kind.guard, confirmed=self.confirmed)

    async def keys(self, query: dict[str, Any]) -> set[str]:
        """Returns the keys of the documents that a query finds; everything written so far is seen."""
        return {key async for page in self.documents.keys(query) for key in page}
