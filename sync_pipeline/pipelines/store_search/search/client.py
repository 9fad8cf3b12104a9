"""What searches of a store see: its hits, what stands behind its aliases, and the end of it all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.synonyms import SynonymsSet
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.search.facets import read_facets
from sync_pipeline.pipelines.store_search.search.request import search_body
from sync_pipeline.pipelines.store_search.search.suggestions import suggest_body
from sync_pipeline.pipelines.store_search.types import store_alias

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

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


@dataclass(frozen=True)
class Found:
    """What a search found: hits as Elasticsearch gives them, best first, and facets if they were asked for."""

    hits: list[dict[str, Any]]
    facets: dict[str, Any] | None


async def find(cluster: SearchCluster, store_hash: str, query: str, **how: Any) -> Found:
    """Returns what a shopper's query finds over all of a store's documents; ``how`` is passed to ``search_body``.

    Raises NotIndexedError when nothing of the store was ever published.
    """
    hits, aggregations = await _ask(cluster, store_hash, search_body(query, **how))
    with cluster.errors(f"reading what a search of store {store_hash} found"):
        return Found(hits, read_facets(aggregations) if how.get("facets") else None)


async def search(cluster: SearchCluster, store_hash: str, query: str, *, size: int = 10) -> list[dict[str, Any]]:
    """Returns the hits alone."""
    return (await find(cluster, store_hash, query, size=size)).hits


async def suggest(cluster: SearchCluster, store_hash: str, prefix: str, *, size: int = 8) -> list[dict[str, Any]]:
    """Finds products and categories for what was typed so far, as hits. Raises NotIndexedError like ``find``."""
    return (await _ask(cluster, store_hash, suggest_body(prefix, size=size)))[0]


async def _ask(cluster: SearchCluster, store_hash: str, body: dict[str, Any]) -> tuple[list[dict[str, Any]], Any]:
    """Returns the hits and the aggregations."""
    if not await StoreIndices(cluster, store_hash).behind_store():
        raise NotIndexedError(
            f"store {store_hash} has no index yet: `sync-pipeline sync run --store {store_hash} --type all`"
        )
    with cluster.errors(f"searching store {store_hash}"):
        answer = await cluster.reads.search(
            index=store_alias(store_hash), body=body, allow_partial_search_results=False
        )
        return answer["hits"]["hits"], answer.get("aggregations")


async def served(cluster: SearchCluster, store_hash: str, kind: Kind) -> Served:
    """Returns what searches of a kind see now."""
    indices = StoreIndices(cluster, store_hash)
    return Served(
        behind_kind=await indices.current(kind.word),
        behind_store=await indices.behind_store(),
        documents=await indices.count(kind.alias(store_hash)),
    )


async def delete_indices(cluster: SearchCluster, store_hash: str, *, spared: Collection[str] = ()) -> list[str]:
    """Deletes every index of a store but the ``spared``, and its synonyms set unless those may use it.

    Returns the names of what it deleted; searches find nothing of that any more.
    """
    indices = StoreIndices(cluster, store_hash)
    deleted: list[str] = []
    while True:
        found = [index.name for index in await indices.list() if index.name not in spared]
        for name in found:
            await indices.delete(name)
        deleted += found
        if spared:
            return deleted
        try:
            await SynonymsSet(cluster, store_alias(store_hash)).delete()
        except SearchClusterError:
            # One that was being made when its batch was cancelled may have come after the list, and uses the set.
            if not await indices.list():
                raise
        else:
            return deleted
