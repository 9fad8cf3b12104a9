"""Copying an index inside the cluster: versions kept, everything accounted for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.reindex import Reindexed, reindex
from sync_pipeline.operations import Outcome
from sync_pipeline_tests.connectors.elasticsearch.stores import new_index, upsert
from sync_pipeline_tests.connectors.elasticsearch.stub_server import Answer, StubServer

DESTINATION = "store-x-products-20260101000000000"
IS_THERE = Answer(body={DESTINATION: {"mappings": {"_meta": {"index": DESTINATION}}}})
STARTED = Answer(body={"task": "node:7"})
DONE = {"total": 2, "created": 1, "updated": 0, "version_conflicts": 1, "failures": [], "timed_out": False}


@pytest.mark.invariant("2.2")
@pytest.mark.real_elasticsearch
async def test_a_copy_keeps_content_and_versions(bulk: BulkIndex, indices: StoreIndices) -> None:
    await bulk.write([upsert(f"key-{number}", number + 5) for number in range(30)])
    copy = BulkIndex(bulk.cluster, await new_index(indices))
    done = await reindex(bulk.cluster, source=bulk.index, destination=copy.index, poll=0.05)
    assert done == Reindexed(total=30, created=30, updated=0, version_conflicts=0)
    keys = [f"key-{number}" for number in range(30)]
    assert await copy.get(keys) == await bulk.get(keys)
    assert await copy.write([upsert("key-3", 7), upsert("key-4", 10)]) == [Outcome.STALE, Outcome.WRITTEN]


@pytest.mark.invariant("2.2")
@pytest.mark.real_elasticsearch
async def test_a_newer_document_in_the_copy_stays(bulk: BulkIndex, indices: StoreIndices) -> None:
    await bulk.write([upsert("a", 5, "old"), upsert("b", 5, "old")])
    copy = BulkIndex(bulk.cluster, await new_index(indices))
    await copy.write([upsert("a", 6, "new")])
    await reindex(bulk.cluster, source=bulk.index, destination=copy.index, poll=0.05)
    found = await copy.get(["a", "b"], ["text"])
    assert {key: (stored.version, stored.source["text"]) for key, stored in found.items()} == {
        "a": (6, "new"),
        "b": (5, "old"),
    }


@pytest.mark.real_elasticsearch
async def test_a_copy_needs_both_indices(bulk: BulkIndex, indices: StoreIndices) -> None:
    missing = await new_index(indices)
    await indices.delete(missing)
    with pytest.raises(SearchClusterError, match=f"there is no index {missing}"):
        await reindex(bulk.cluster, source=bulk.index, destination=missing)
    assert not await indices.exists(missing)
    with pytest.raises(SearchClusterError, match="no such index"):
        await reindex(bulk.cluster, source=missing, destination=bulk.index)


@pytest.mark.chaos
async def test_a_running_task_is_asked_after_until_it_is_done(stub: StubServer, stub_cluster: SearchCluster) -> None:
    running = Answer(body={"completed": False})
    stub.answer(
        IS_THERE, Answer(), STARTED, running, Answer(503), running, Answer(body={"completed": True, "response": DONE})
    )
    done = await reindex(stub_cluster, source="store-x", destination=DESTINATION, poll=0.01)
    assert done == Reindexed(total=2, created=1, updated=0, version_conflicts=1)
    assert stub.requests[-1].path == "/_tasks/node:7"


@pytest.mark.invariant("5.3")
@pytest.mark.chaos
@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        ({"error": {"type": "x", "reason": "the node burns"}}, "the node burns"),
        ({"response": {**DONE, "failures": [{"cause": {"type": "x", "reason": "bad field"}}]}}, "bad field"),
        ({"response": {**DONE, "failures": [{"type": "x", "reason": "shard gone"}]}}, "shard gone"),
        ({"response": {**DONE, "timed_out": True}}, "it did not end"),
        ({"response": {**DONE, "canceled": "by user request"}}, "it did not end"),
        ({}, "it did not end"),
    ],
)
async def test_a_copy_that_is_not_whole_is_an_error(
    stub: StubServer, stub_cluster: SearchCluster, outcome: dict[str, Any], reason: str
) -> None:
    stub.answer(IS_THERE, Answer(), STARTED, Answer(body={"completed": True, **outcome}))
    with pytest.raises(SearchClusterError, match=reason):
        await reindex(stub_cluster, source="store-x", destination=DESTINATION, poll=0.01)


@pytest.mark.invariant("5.3")
@pytest.mark.chaos
@pytest.mark.parametrize("copied", [9, 10])
async def test_a_lost_task_counts_only_if_everything_arrived(
    stub: StubServer, stub_cluster: SearchCluster, copied: int
) -> None:
    counts = [Answer(body={"count": number, "_shards": {"failed": 0}}) for number in (10, copied)]
    stub.answer(IS_THERE, Answer(), STARTED, Answer(404), Answer(), *counts)
    copying = reindex(stub_cluster, source="store-x", destination=DESTINATION, poll=0.01)
    if copied == 10:
        assert (await copying).total == 10
    else:
        with pytest.raises(SearchClusterError, match="lost the task at 9 of 10 documents"):
            await copying


@pytest.mark.chaos
async def test_a_cancelled_caller_cancels_the_task(stub: StubServer, stub_cluster: SearchCluster) -> None:
    stub.answer(IS_THERE, Answer(), STARTED, Answer(body={"completed": False}))
    copying = asyncio.create_task(reindex(stub_cluster, source="store-x", destination=DESTINATION, poll=0.01))
    async with asyncio.timeout(10):
        await asyncio.to_thread(stub.wait_for_requests, 5)
        copying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await copying
    assert (stub.requests[-1].method, stub.requests[-1].path) == ("POST", "/_tasks/node:7/_cancel")
