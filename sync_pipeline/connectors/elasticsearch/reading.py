"""Reading an index back: every document in a consistent snapshot, some by their keys, or their number.

What belongs here: iteration, look-up by key and counting, complete or failed. What does not: searching as a shopper
does.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError, client_errors
from sync_pipeline.connectors.elasticsearch.shards import check_shards
from sync_pipeline.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster

_KEEP_ALIVE = "5m"
_KEYS = 1000
#: So long whoever is cancelled waits for a cluster that does not answer.
_CLOSE_SECONDS = 5.0


class StoredDocument(NamedTuple):
    """A document as the index holds it; ``source`` has only the fields asked for."""

    key: str
    version: int
    source: dict[str, Any]


async def scan(
    cluster: SearchCluster,
    index: str,
    *,
    fields: Sequence[str] = (),
    query: dict[str, Any] | None = None,
    page: int = 1000,
) -> AsyncGenerator[list[StoredDocument]]:
    """Yields every document of an index, or those that ``query`` finds, in pages, as of the last refresh before the
    call.

    ``fields`` are source paths (``sync.fingerprint``; ``*`` for all). A shard that cannot answer, however often it is
    asked, fails the whole scan: what is missing from it may be taken for absent. Raises as ``SearchCluster.errors``.
    """
    doing = f"reading index {index}"
    opening = asyncio.ensure_future(
        cluster.repeatable.open_point_in_time(index=index, keep_alive=_KEEP_ALIVE, allow_partial_search_results=False)
    )
    pit: str | None = None
    after: list[Any] | None = None
    try:
        with cluster.errors(doing):
            pit = (await asyncio.shield(opening))["id"]
        while True:
            with cluster.errors(doing):
                answer = await cluster.repeatable.search(
                    pit={"id": pit, "keep_alive": _KEEP_ALIVE},
                    sort=["_shard_doc"],
                    query=query,
                    search_after=after,
                    size=page,
                    source={"includes": list(fields)} if fields else False,
                    version=True,
                    track_total_hits=False,
                    filter_path="pit_id,timed_out,_shards,hits.hits._id,hits.hits._version,hits.hits._source,hits.hits.sort",
                )
                _check_whole(answer.body, doing)
                hits = answer.get("hits", {}).get("hits", [])
                documents = [StoredDocument(hit["_id"], hit["_version"], hit.get("_source", {})) for hit in hits]
                is_last = len(hits) < page
                if not is_last:
                    pit, after = answer["pit_id"], hits[-1]["sort"]
            if documents:
                yield documents
            if is_last:
                return
    finally:
        closing = asyncio.ensure_future(_close(cluster, opening, pit))
        try:
            await asyncio.wait([closing], timeout=_CLOSE_SECONDS)
        except asyncio.CancelledError:
            await asyncio.wait([closing], timeout=_CLOSE_SECONDS)
            raise


async def get(
    cluster: SearchCluster, index: str, keys: Sequence[str], *, fields: Sequence[str] = ("*",)
) -> dict[str, StoredDocument]:
    """Returns the documents of ``keys`` by key, as last written (no refresh needed); absent ones are left out.

    Raises as ``SearchCluster.errors``; a key that cannot be read is an error, never an absent document.
    """
    doing = f"reading from index {index}"
    found: dict[str, StoredDocument] = {}
    for start in range(0, len(keys), _KEYS):
        with cluster.errors(doing):
            answer = await cluster.repeatable.mget(
                index=index, ids=list(keys[start : start + _KEYS]), source=list(fields) or False
            )
            check_shards(answer.body, doing)
            for document in answer["docs"]:
                if "error" in document:
                    raise SearchClusterError(f"{doing}: {document['_id']}: {document['error'].get('reason')}")
                if document["found"]:
                    found[document["_id"]] = StoredDocument(
                        document["_id"], document["_version"], document.get("_source", {})
                    )
    return found


async def refresh(cluster: SearchCluster, index: str, *, if_there: bool = False) -> None:
    """Makes everything written so far visible to searches, counts and scans. Raises as ``SearchCluster.errors``.

    With ``if_there``, an index that is gone is fine.
    """
    doing = f"refreshing index {index}"
    with cluster.errors(doing):
        answer = await cluster.repeatable.indices.refresh(index=index, ignore_unavailable=if_there)
        check_shards(answer.body, doing)


async def count(
    cluster: SearchCluster, index: str, *, query: dict[str, Any] | None = None, if_there: bool = False
) -> int:
    """Returns the number of documents that a search can see, or that ``query`` finds. Raises as
    ``SearchCluster.errors``.

    With ``if_there``, 0 for an index or alias that is not there; never for one whose shards do not answer.
    """
    doing = f"counting index {index}"
    with cluster.errors(doing):
        answer = await cluster.repeatable.count(index=index, query=query, ignore_unavailable=if_there)
        _check_whole(answer.body, doing)
        return answer["count"]


async def highest(cluster: SearchCluster, indices: Sequence[str], field: str) -> int:
    """Returns the highest whole number that a document of some indices has in a field; 0 when none has one.

    Exact up to 2**53. Everything written so far is seen. An index that is gone has none. Raises as
    ``SearchCluster.errors``.
    """
    if not indices:
        return 0
    names = ",".join(indices)
    await refresh(cluster, names, if_there=True)
    doing = f"reading the highest {field} of {names}"
    with cluster.errors(doing):
        answer = await cluster.repeatable.search(
            index=names,
            size=0,
            aggregations={"highest": {"max": {"field": field}}},
            ignore_unavailable=True,
            track_total_hits=False,
            allow_partial_search_results=False,
        )
        _check_whole(answer.body, doing)
        return int(answer.get("aggregations", {}).get("highest", {}).get("value") or 0)


def _check_whole(answer: dict[str, Any], doing: str) -> None:
    check_shards(answer, doing)
    if answer.get("timed_out"):
        raise ServiceUnavailableError(f"{doing}: a part of the index did not answer in time")
    if answer["_shards"]["failed"]:
        raise SearchClusterError(f"{doing}: a part of the index did not answer")


async def _close(cluster: SearchCluster, opening: asyncio.Future[Any], pit: str | None) -> None:
    """Gives the snapshot back, also one that the cluster was still making when its reader was cancelled.

    Left open, it would keep the index, and the synonyms that it uses, for five minutes.
    """
    try:
        pit = pit or (await opening)["id"]
        await cluster.client.options(ignore_status=404).close_point_in_time(id=pit)
    except client_errors():
        # It ends by itself after its keep-alive; the scan's own outcome matters more.
        return
