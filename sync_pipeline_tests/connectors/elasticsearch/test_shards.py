"""Shards that are not available just now: asked again, then told as a passing state; never an absent document."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.reading import StoredDocument, count, get, refresh, scan
from sync_pipeline.connectors.elasticsearch.reindex import reindex
from sync_pipeline.errors import ServiceUnavailableError
from sync_pipeline.operations import ItemError, Outcome
from sync_pipeline_tests.connectors.elasticsearch.stores import SIMPLE, new_index, upsert
from sync_pipeline_tests.connectors.elasticsearch.stub_server import Answer, StubServer
from sync_pipeline_tests.fault_proxy import before, running_fault_proxy

pytestmark = pytest.mark.chaos

MISSING = {"type": "no_shard_available_action_exception", "reason": "No shard available for [get]"}
NOT_STARTED = {"type": "index_shard_not_started_exception", "reason": "CurrentState[RECOVERING]"}
WHOLE = {"total": 1, "successful": 1, "failed": 0}
END = {"timed_out": False, "_shards": WHOLE, "pit_id": "p"}
FOUND = {"_id": "a", "found": True, "_version": 3, "_source": {}}

Read = Callable[[SearchCluster, str], Awaitable[Any]]


async def get_a(cluster: SearchCluster, index: str) -> Any:
    return await get(cluster, index, ["a"])


async def scan_all(cluster: SearchCluster, index: str) -> Any:
    return [document async for page in scan(cluster, index) for document in page]


def refused(status: int, error: dict[str, Any]) -> Answer:
    return Answer(status, {"error": {**error, "root_cause": [error]}, "status": status})


def search_refused(status: int, cause: dict[str, Any]) -> Answer:
    phase = {"type": "search_phase_execution_exception", "reason": "all shards failed"}
    return Answer(status, {"error": {**phase, "failed_shards": [{"shard": 0, "reason": cause}]}, "status": status})


def shards(**told: Any) -> dict[str, Any]:
    return {"_shards": {"total": 1, "successful": 0, **told}}


#: A way to read, what the server says before (a snapshot was made), what it says without a shard and with it.
CASES: dict[str, tuple[Read, list[Answer], Answer, Answer, Any]] = {
    "get, one document": (
        get_a,
        [],
        Answer(body={"docs": [{"_id": "a", "error": MISSING}]}),
        Answer(body={"docs": [FOUND]}),
        {"a": StoredDocument("a", 3, {})},
    ),
    "get, as a whole": (get_a, [], refused(404, NOT_STARTED), Answer(body={"docs": []}), {}),
    "scan, no failure listed": (
        scan_all,
        [Answer(body={"id": "p"})],
        Answer(body={**END, **shards(failed=1)}),
        Answer(body=END),
        [],
    ),
    "scan, failures listed": (
        scan_all,
        [Answer(body={"id": "p"})],
        Answer(body={**END, **shards(failed=1, failures=[{"reason": NOT_STARTED}])}),
        Answer(body=END),
        [],
    ),
    "scan, as a whole": (scan_all, [Answer(body={"id": "p"})], search_refused(404, NOT_STARTED), Answer(body=END), []),
    "count": (
        count,
        [],
        Answer(body={"count": 0, **shards(failed=1, failures=[{"reason": MISSING}])}),
        Answer(body={"count": 7, "_shards": WHOLE}),
        7,
    ),
    "refresh that no shard has done": (
        refresh,
        [],
        Answer(body=shards(failed=0)),
        Answer(body={"_shards": WHOLE}),
        None,
    ),
}


@pytest.mark.invariant("4.6", "6.2")
@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("case", CASES)
async def test_unavailable_shard_is_asked_again(stub: StubServer, stub_cluster: SearchCluster, case: str) -> None:
    read, first, without, whole, expected = CASES[case]
    stub.answer(*first, without, without, whole)
    assert await read(stub_cluster, "store-x") == expected


@pytest.mark.invariant("4.6", "6.2")
@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("case", CASES)
async def test_shard_that_stays_unavailable_is_a_passing_state(
    stub: StubServer, stub_cluster: SearchCluster, case: str
) -> None:
    read, first, without, _, _ = CASES[case]
    stub.answer(*first, without)
    with pytest.raises(ServiceUnavailableError) as refusal:
        await read(stub_cluster, "store-x")
    assert refusal.value.exit_status == 3
    asked = [request for request in stub.requests if request.method != "DELETE"]
    assert len(asked) == len(first) + 7


@pytest.mark.invariant("6.2", "6.4")
async def test_bulk_operation_of_an_unavailable_shard_may_be_sent_again(
    stub: StubServer, stub_cluster: SearchCluster
) -> None:
    name = "store-x-products-20260101000000000"
    told = [{"index": {"status": 404, "error": NOT_STARTED}}, {"index": {"status": 201}}]
    there = Answer(body={name: {"mappings": {"_meta": {"index": name}}}})
    stub.answer(Answer(body={"errors": True, "items": told}), there)
    unavailable, written = await BulkIndex(stub_cluster, name).write([upsert("a", 1), upsert("b", 1)])
    assert unavailable == ItemError(NOT_STARTED["type"], NOT_STARTED["reason"], retryable=True)
    assert written is Outcome.WRITTEN


@pytest.mark.invariant("6.2")
@pytest.mark.parametrize(
    "outcome",
    [
        {"error": MISSING},
        {"response": {"failures": [{"cause": NOT_STARTED}]}},
        {"response": {"failures": [{"shard": 0, "reason": MISSING}]}},
    ],
    ids=["the task", "a write", "a search"],
)
async def test_copy_that_lacked_a_shard_is_a_passing_failure(
    stub: StubServer, stub_cluster: SearchCluster, outcome: dict[str, Any]
) -> None:
    there = Answer(body={"store-y": {"mappings": {"_meta": {"index": "store-y"}}}})
    started, ended = Answer(body={"task": "node:7"}), Answer(body={"completed": True, **outcome})
    stub.answer(there, Answer(body={"_shards": WHOLE}), started, ended)
    with pytest.raises(ServiceUnavailableError, match="1 failures, the first: "):
        await reindex(stub_cluster, source="store-x", destination="store-y", poll=0.01)
    assert len(stub.requests) == 4, "a task that has ended is not asked after again"


@pytest.mark.invariant("4.6", "6.2")
@pytest.mark.real_elasticsearch
@pytest.mark.parametrize(
    ("read", "path", "expected"),
    [(get_a, "*/_mget*", {}), (scan_all, "/store-*/_pit*", []), (count, "*/_count*", 0)],
    ids=["get", "scan", "count"],
)
async def test_index_whose_shard_starts_late_is_waited_for(
    indices: StoreIndices, elasticsearch_url: str, read: Read, path: str, expected: object
) -> None:
    """A drain sees an index that is being built before its primary has started. The embedded engine has no shards."""
    name, loop = await new_index(indices, body=SIMPLE), asyncio.get_running_loop()
    await indices.delete(name)
    nowhere = {"index.routing.allocation.require._name": "a node to come", "number_of_replicas": 0}
    await indices.cluster.client.indices.create(index=name, settings=nowhere, wait_for_active_shards=0)

    async def start_it() -> None:
        anywhere = {"index.routing.allocation.require._name": None}
        await indices.cluster.client.indices.put_settings(index=name, settings=anywhere)

    def start() -> None:
        asyncio.run_coroutine_threadsafe(start_it(), loop).result(30)

    with running_fault_proxy(elasticsearch_url) as proxy:
        proxy.inject(before(start), path=path, after=2)
        async with SearchCluster(url=proxy.url) as cluster:
            assert await read(cluster, name) == expected
