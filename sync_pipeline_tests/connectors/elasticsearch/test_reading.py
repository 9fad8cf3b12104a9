"""Reading an index back: everything once, or an error; never a part that looks whole."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.reading import StoredDocument, get, scan
from sync_pipeline.errors import ServiceUnavailableError, SyncPipelineError
from sync_pipeline_tests.connectors.elasticsearch.stores import upsert
from sync_pipeline_tests.connectors.elasticsearch.stub_server import Answer, StubServer
from sync_pipeline_tests.fault_proxy import before, running_fault_proxy


async def pages(cluster: SearchCluster, index: str, **how: Any) -> list[list[StoredDocument]]:
    return [page async for page in scan(cluster, index, **how)]


@pytest.mark.real_elasticsearch
@pytest.mark.parametrize(("documents", "sizes"), [(0, []), (4, [4]), (5, [5]), (12, [5, 5, 2])])
async def test_a_scan_gives_every_document_once(
    bulk: BulkIndex, indices: StoreIndices, documents: int, sizes: list[int]
) -> None:
    await bulk.write([upsert(f"key-{number}", number + 1) for number in range(documents)])
    await indices.refresh(bulk.index)
    read = await pages(bulk.cluster, bulk.index, fields=["sync.fingerprint"], page=5)
    assert [len(page) for page in read] == sizes
    assert sorted(document for page in read for document in page) == sorted(
        StoredDocument(f"key-{number}", number + 1, {"sync": {"fingerprint": f"{number + 1:016x}"}})
        for number in range(documents)
    )


@pytest.mark.real_elasticsearch
async def test_a_scan_is_a_snapshot(bulk: BulkIndex, indices: StoreIndices) -> None:
    await bulk.write([upsert(f"key-{number}", 1) for number in range(6)])
    await indices.refresh(bulk.index)
    keys = []
    async for page in scan(bulk.cluster, bulk.index, page=2):
        keys += [document.key for document in page]
        await bulk.write([upsert(f"later-{len(keys)}", 1)])
        await indices.refresh(bulk.index)
    assert sorted(keys) == [f"key-{number}" for number in range(6)]


@pytest.mark.real_elasticsearch
async def test_a_scan_without_fields_reads_keys_and_versions_only(bulk: BulkIndex, indices: StoreIndices) -> None:
    await bulk.write([upsert("a", 3)])
    await indices.refresh(bulk.index)
    assert [page async for page in bulk.scan()] == [[StoredDocument("a", 3, {})]]
    assert [page async for page in bulk.scan(["*"])] == [
        [StoredDocument("a", 3, {"text": "a at 3", "sync": {"fingerprint": f"{3:016x}"}})]
    ]


@pytest.mark.real_elasticsearch
async def test_documents_are_found_by_key_before_any_refresh(bulk: BulkIndex) -> None:
    await bulk.write([upsert("a", 1), upsert("b", 2)])
    found = await bulk.get(["b", "absent", "a"], ["text"])
    assert found == {"a": StoredDocument("a", 1, {"text": "a at 1"}), "b": StoredDocument("b", 2, {"text": "b at 2"})}
    assert await bulk.get([]) == {}
    many = [f"key-{number}" for number in range(1500)]
    await bulk.write([upsert(key, 1) for key in many])
    assert list(await get(bulk.cluster, bulk.index, many, fields=())) == many


@pytest.mark.invariant("4.6")
@pytest.mark.real_elasticsearch
async def test_a_missing_index_is_an_error_and_not_empty(cluster: SearchCluster) -> None:
    with pytest.raises(SearchClusterError, match="no such index"):
        await pages(cluster, "store-no-such-index")
    with pytest.raises(SearchClusterError, match="no such index"):
        await get(cluster, "store-no-such-index", ["a"])


@pytest.mark.invariant("4.6")
@pytest.mark.parametrize(
    "fault",
    [
        {"timed_out": True, "_shards": {"failed": 0}},
        {"timed_out": False, "_shards": {"failed": 1, "failures": [{"reason": {"type": "query_shard_exception"}}]}},
    ],
    ids=["timed out", "a shard failed"],
)
async def test_a_partial_answer_fails_the_scan_and_gives_its_snapshot_back(
    stub: StubServer, stub_cluster: SearchCluster, fault: dict[str, Any]
) -> None:
    hits = [{"_id": "a", "_version": 1, "sort": [0]}]
    whole = {"timed_out": False, "_shards": {"failed": 0}, "pit_id": "second", "hits": {"hits": hits}}
    stub.answer(Answer(body={"id": "first"}), Answer(body=whole), Answer(body={**fault, "pit_id": "second"}), Answer())
    with pytest.raises(SyncPipelineError, match="a part of the index did not answer"):
        await pages(stub_cluster, "store-x", page=1)
    assert "allow_partial_search_results=false" in stub.requests[0].path
    closing = stub.requests[-1]
    assert (closing.method, closing.path, closing.body) == ("DELETE", "/_pit", b'{"id":"second"}')


@pytest.mark.real_elasticsearch
@pytest.mark.parametrize("moment", [("POST", "*/_pit*"), ("POST", "/_search*"), ("DELETE", "/_pit*")])
async def test_a_scan_that_is_cancelled_at_any_moment_gives_its_snapshot_back(
    bulk: BulkIndex, indices: StoreIndices, elasticsearch_url: str, moment: tuple[str, str]
) -> None:
    await bulk.write([upsert("a", 1)])
    await indices.refresh(bulk.index)
    method, path = moment
    loop, cancelled = asyncio.get_running_loop(), threading.Event()

    def cancel() -> None:
        scanning.cancel()
        loop.call_soon(cancelled.set)

    def cancel_and_wait() -> None:
        loop.call_soon_threadsafe(cancel)
        assert cancelled.wait(10)

    with running_fault_proxy(elasticsearch_url) as proxy:
        proxy.inject(before(cancel_and_wait), method=method, path=path, count=1)
        async with SearchCluster(url=proxy.url) as cluster:
            scanning = asyncio.ensure_future(pages(cluster, bulk.index))
            with pytest.raises(asyncio.CancelledError):
                await scanning
        assert [len(proxy.asked("POST", "*/_pit*")), len(proxy.asked("DELETE", "/_pit*"))] == [1, 1]


@pytest.mark.invariant("4.6")
@pytest.mark.usefixtures("short_pauses")
async def test_a_scan_outlives_a_busy_moment_and_fails_when_it_lasts(
    stub: StubServer, stub_cluster: SearchCluster
) -> None:
    end = {"timed_out": False, "_shards": {"failed": 0}, "pit_id": "p"}
    stub.answer(Answer(body={"id": "p"}), Answer(503), Answer(body=end), Answer())
    assert await pages(stub_cluster, "store-x") == []
    stub.answer(Answer(body={"id": "p"}), Answer(429))
    with pytest.raises(ServiceUnavailableError, match="answered 429"):
        await pages(stub_cluster, "store-x")


@pytest.mark.invariant("4.6")
async def test_a_key_that_cannot_be_read_is_not_absent(stub: StubServer, stub_cluster: SearchCluster) -> None:
    unread = {"_index": "x", "_id": "a", "error": {"type": "shard_failure", "reason": "the shard is lost"}}
    stub.answer(Answer(body={"docs": [unread]}))
    with pytest.raises(SearchClusterError, match="a: the shard is lost"):
        await get(stub_cluster, "x", ["a"])
