"""What searches of a store see: its hits, what stands behind its aliases, and the end of it all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.synonyms import SynonymsSet
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.search_request import search_body
from sync_pipeline.pipelines.store_search.types import store_alias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.pipelines.store_search.types import Kind


class NotIndexedError(UsageError):
    """The store has no published index yet."""

    kind = "not_indexed"


@dataclass(frozen=True)
class Served:
    """What stands behind a kind's alias and the store's, and how many documents of the kind a search sees."""

    behind_kind: Sequence[str]
    behind_store: Sequence[str]
    documents: int


async def search(cluster: SearchCluster, store_hash: str, query: str, *, size: int = 10) -> list[dict[str, Any]]:
    """The hits of a shopper's query over all of a store's documents, best first, as Elasticsearch gives them.

    Raises NotIndexedError when nothing of the store was ever published.
    """
    if not await StoreIndices(cluster, store_hash).behind_store():
        raise NotIndexedError(
            f"store {store_hash} has no index yet: `sync-pipeline sync run --store {store_hash} --type all`"
        )
    with cluster.errors(f"searching store {store_hash}"):
        answer = await cluster.reads.search(index=store_alias(store_hash), body=search_body(query, size=size))
    return answer["hits"]["hits"]


async def served(cluster: SearchCluster, store_hash: str, kind: Kind) -> Served:
    """What searches of a kind see now."""
    indices = StoreIndices(cluster, store_hash)
    return Served(
        behind_kind=await indices.current(kind.word),
        behind_store=await indices.behind_store(),
        documents=await indices.count(kind.alias(store_hash)),
    )


async def delete_indices(cluster: SearchCluster, store_hash: str) -> list[str]:
    """Deletes every index of a store and its synonyms set; searches find nothing of it any more."""
    indices = StoreIndices(cluster, store_hash)
    names = [index.name for index in await indices.list()]
    for name in names:
        await indices.delete(name)
    await SynonymsSet(cluster, store_alias(store_hash)).delete()
    return names
