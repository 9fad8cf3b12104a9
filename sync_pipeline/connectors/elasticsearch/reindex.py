"""Copying an index into another inside the cluster, versions kept.

What belongs here: starting such a copy, watching it, and accounting for it. What does not: when it is needed, and the
deletes that must be applied again to the copy (the cluster forgets a deleted key's version after ``gc_deletes``).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sync_pipeline.backoff import Backoff
from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError
from sync_pipeline.connectors.elasticsearch.indices import was_made
from sync_pipeline.connectors.elasticsearch.reading import count, refresh
from sync_pipeline.connectors.elasticsearch.shards import is_unavailable
from sync_pipeline.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster

_JSON_HEADERS = {"accept": "application/json"}


@dataclass(slots=True, frozen=True)
class Reindexed:
    """What a copy did: documents read, created, replaced by a newer version, and left alone as not newer."""

    total: int
    created: int
    updated: int
    version_conflicts: int


async def reindex(cluster: SearchCluster, *, source: str, destination: str, poll: float = 1.0) -> Reindexed:
    """Copies every document of ``source`` into ``destination`` with its version; a newer one there stays.

    It runs as a task in the cluster, asked after every ``poll`` seconds at most, so that no proxy cuts a long call. A
    cancelled caller cancels the task. Raises SearchClusterError when a document could not be copied or the task was
    lost with its node, ServiceUnavailableError when that was for want of an available shard, and otherwise as
    ``SearchCluster.errors``. Running it again is safe.
    """
    doing = f"reindexing {source} into {destination}"
    with cluster.errors(doing):
        made = await was_made(cluster.reads, destination)
    if not made:
        raise SearchClusterError(f"{doing}: there is no index {destination}")
    await refresh(cluster, source)
    with cluster.errors(doing):
        started = await cluster.client.reindex(
            source={"index": source},
            dest={"index": destination, "version_type": "external"},
            conflicts="proceed",
            wait_for_completion=False,
        )
        task = str(started["task"])
    try:
        answer = await _outcome(cluster, task, doing=doing, poll=poll)
    except asyncio.CancelledError:
        await _cancel(cluster, task, doing=doing)
        raise
    if answer is None:
        return await _counted(cluster, source=source, destination=destination, doing=doing)
    with cluster.errors(doing):
        return _accounted(answer, doing)


async def _outcome(cluster: SearchCluster, task: str, *, doing: str, poll: float) -> dict[str, Any] | None:
    # The client's own tasks.get() warns on every call that the API is in preview.
    polls = Backoff(first=0.05, cap=poll, jitter=0.0)
    asked = 0
    while True:
        with cluster.errors(doing):
            answer = await cluster.reads.options(ignore_status=404).perform_request(
                "GET", f"/_tasks/{quote(task, safe=':')}", headers=_JSON_HEADERS
            )
            if answer.meta.status == 404:
                return None
            if answer.body["completed"]:
                return answer.body
        asked += 1
        await asyncio.sleep(polls.wait(asked))


async def _cancel(cluster: SearchCluster, task: str, *, doing: str) -> None:
    with cluster.errors(f"cancelling: {doing}"):
        await cluster.client.options(ignore_status=404).perform_request(
            "POST", f"/_tasks/{quote(task, safe=':')}/_cancel", headers=_JSON_HEADERS
        )


def _accounted(answer: dict[str, Any], doing: str) -> Reindexed:
    response = answer.get("response") or {}
    failures = [answer["error"]] if "error" in answer else response.get("failures", [])
    if failures or response.get("timed_out") or "total" not in response or response.get("canceled"):
        causes = [_cause(failure) for failure in failures]
        first = causes[0].get("reason", "no reason given") if causes else "it did not end"
        passing = bool(causes) and all(is_unavailable(cause) for cause in causes)
        raise (ServiceUnavailableError if passing else SearchClusterError)(
            f"{doing}: {len(failures)} failures, the first: {first}"
        )
    return Reindexed(
        total=response["total"],
        created=response["created"],
        updated=response["updated"],
        version_conflicts=response["version_conflicts"],
    )


def _cause(failure: dict[str, Any]) -> dict[str, Any]:
    """Returns what went wrong.

    A write's failure has a ``cause``, a search's a ``reason`` that is an object, a task's is it.
    """
    reason = failure.get("reason")
    return failure.get("cause") or (reason if isinstance(reason, dict) else failure)


async def _counted(cluster: SearchCluster, *, source: str, destination: str, doing: str) -> Reindexed:
    """Counts what a copy did of which the cluster keeps no record: its node was lost, or it was done before."""
    await refresh(cluster, destination)
    total, copied = await count(cluster, source), await count(cluster, destination)
    if copied < total:
        raise SearchClusterError(f"{doing}: the cluster lost the task at {copied} of {total} documents; start it again")
    return Reindexed(total=total, created=copied, updated=0, version_conflicts=0)
