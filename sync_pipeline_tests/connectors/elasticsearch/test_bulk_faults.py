"""What a bulk request that goes wrong means: who is to blame, and whether to try again."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.operations import (
    ChunkRejectedError,
    DestinationError,
    ItemError,
    Operation,
    Outcome,
    RetryableDestinationError,
)
from sync_pipeline_tests.connectors.elasticsearch.stores import delete, upsert
from sync_pipeline_tests.connectors.elasticsearch.stub_server import Answer, StubServer

pytestmark = pytest.mark.chaos

INDEX = "store-x-products-20260101000000000"
IS_THERE = Answer(body={INDEX: {"mappings": {"_meta": {"index": INDEX}}}})
CHUNK = [upsert("a", 1), delete("b", 1)]


def items(*answers: dict[str, Any]) -> Answer:
    errors = any("error" in answer for answer in answers)
    return Answer(body={"errors": errors, "items": [{"index": answer} for answer in answers]})


def failed(status: int, error_type: str = "some_exception", reason: str | None = "why") -> dict[str, Any]:
    return {"status": status, "error": {"type": error_type, "reason": reason}}


def refusal_of(status: int, error_type: str, **headers: str) -> Answer:
    error = {"type": error_type, "reason": "the reason"}
    return Answer(status, {"error": {**error, "root_cause": [error]}, "status": status}, headers)


@pytest.fixture
def bulk(stub_cluster: SearchCluster) -> BulkIndex:
    return BulkIndex(stub_cluster, INDEX)


@pytest.mark.invariant("1.3", "6.2")
@pytest.mark.parametrize(
    "answer",
    [
        refusal_of(408, "timeout"),
        refusal_of(429, "es_rejected_execution_exception"),
        refusal_of(429, "circuit_breaking_exception"),
        Answer(429, b"slow down", {"Content-Type": "text/plain"}, product=False),  # of a proxy
        refusal_of(500, "internal"),
        refusal_of(502, "gateway"),
        refusal_of(503, "cluster_block_exception"),
        refusal_of(504, "gateway"),
        Answer(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"}, product=False),
        Answer(200, b'{"errors":false,"items":[{"index":{"sta', {}),
        Answer(200, b'{"errors":false,"items":[{"index":{"status":201}}', cut=True),
        Answer(200, b""),
        Answer(200, {"took": 3}),
        Answer(200, {"errors": False, "items": [{"index": {"status": "201"}}]}),
        Answer(200, {"errors": False}),
        Answer(200, {"errors": False, "items": [{"index": {"status": 201}}, {}]}),
        items({"status": 201}),
        items({"status": 201}, {"status": 201}, {"status": 201}),
        Answer(hang=True),
    ],
    ids=lambda answer: f"{answer.status} {answer.raw[-30:]!r}",
)
async def test_a_chunk_without_a_whole_answer_may_be_sent_again(
    stub: StubServer, bulk: BulkIndex, answer: Answer
) -> None:
    stub.answer(answer)
    with pytest.raises(RetryableDestinationError) as refusal:
        await bulk.write(CHUNK)
    assert str(refusal.value).startswith(f"writing to {INDEX}: Elasticsearch at {bulk.cluster.host} ")
    assert "\n" not in str(refusal.value)
    assert len(stub.requests) == 1


@pytest.mark.invariant("6.2")
async def test_an_unreachable_cluster_is_waited_for(unused_port: int) -> None:
    async with SearchCluster(url=f"http://127.0.0.1:{unused_port}") as cluster:
        with pytest.raises(RetryableDestinationError, match="cannot be reached") as refusal:
            await BulkIndex(cluster, INDEX).write(CHUNK)
    assert refusal.value.exit_status == 3


@pytest.mark.invariant("6.3")
@pytest.mark.parametrize(("header", "wait"), [("17", 17.0), ("", None), ("soon", None)])
async def test_the_servers_own_waiting_time_is_handed_on(
    stub: StubServer, bulk: BulkIndex, header: str, wait: float | None
) -> None:
    stub.answer(refusal_of(429, "es_rejected_execution_exception", **{"Retry-After": header} if header else {}))
    with pytest.raises(RetryableDestinationError) as refusal:
        await bulk.write(CHUNK)
    assert refusal.value.wait == wait


@pytest.mark.invariant("6.1")
@pytest.mark.parametrize(
    "answer", [refusal_of(413, "content_too_long_exception"), refusal_of(400, "parse_exception"), Answer(413, b"")]
)
async def test_a_request_refused_for_its_content_may_be_split(
    stub: StubServer, bulk: BulkIndex, answer: Answer
) -> None:
    stub.answer(answer)
    with pytest.raises(ChunkRejectedError):
        await bulk.write(CHUNK)


@pytest.mark.invariant("6.1")
@pytest.mark.parametrize("answer", [refusal_of(413, "content_too_long_exception"), Answer(413, b"")])
async def test_after_a_request_that_is_too_large_half_as_much_is_asked_for(
    stub: StubServer, bulk: BulkIndex, answer: Answer
) -> None:
    chunk = [Operation(key=f"k{number}", version=1, body=b"x" * 100) for number in range(5)]
    for operations, expected in ((chunk, 250), (chunk[:3], 150), (chunk, 150), (chunk[:1], 150)):
        stub.answer(answer)
        with pytest.raises(ChunkRejectedError):
            await bulk.write(operations)
        assert bulk.max_bytes == expected, "one document that is too large alone says nothing of the others"


@pytest.mark.invariant("6.4")
@pytest.mark.parametrize(
    "answer",
    [
        refusal_of(401, "security_exception"),
        refusal_of(403, "security_exception"),
        refusal_of(404, "index_not_found_exception"),
        refusal_of(400, "index_closed_exception"),
        items(failed(403, "cluster_block_exception"), {"status": 200}),
        items({"status": 201}, failed(404, "index_not_found_exception")),
        items(failed(403, "security_exception"), failed(403, "security_exception")),
    ],
)
async def test_a_refused_key_or_index_ends_the_run_and_blames_no_record(
    stub: StubServer, bulk: BulkIndex, answer: Answer
) -> None:
    stub.answer(answer, IS_THERE)
    with pytest.raises(DestinationError) as refusal:
        await bulk.write(CHUNK)
    assert type(refusal.value) is DestinationError


@pytest.mark.invariant("6.4")
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_operation_that_met_a_busy_shard_is_retryable_and_the_others_stand(
    stub: StubServer, bulk: BulkIndex, status: int
) -> None:
    stub.answer(items({"status": 201}, failed(status, "some_exception", "queue\n full")), IS_THERE)
    written, busy = await bulk.write(CHUNK)
    assert written is Outcome.WRITTEN
    assert busy == ItemError("some_exception", "queue full", retryable=True)


@pytest.mark.invariant("6.5")
async def test_a_document_that_cannot_be_indexed_is_refused_with_a_short_reason(
    stub: StubServer, bulk: BulkIndex
) -> None:
    long = "value too long " * 100
    stub.answer(
        items(failed(400, "document_parsing_exception", long), {"status": 400}, failed(400, reason=None)), IS_THERE
    )
    first, second, third = await bulk.write([upsert("a", 1), upsert("b", 1), upsert("c", 1)])
    assert isinstance(first, ItemError)
    assert (first.reason, first.retryable, len(first.message)) == ("document_parsing_exception", False, 300)
    assert second == ItemError("status_400", "no reason given", retryable=False)
    assert isinstance(third, ItemError)


@pytest.mark.invariant("2.3")
async def test_conflicts_are_stale_and_missing_deletes_are_deleted(stub: StubServer, bulk: BulkIndex) -> None:
    stub.answer(items(failed(409, "version_conflict_engine_exception"), {"status": 404}), IS_THERE)
    assert await bulk.write(CHUNK) == [Outcome.STALE, Outcome.DELETED]


@pytest.mark.invariant("1.3")
@pytest.mark.parametrize(
    ("look", "error"),
    [
        (refusal_of(404, "index_not_found_exception"), DestinationError),
        (Answer(body={}), DestinationError),
        (refusal_of(403, "security_exception"), DestinationError),
        (refusal_of(503, "unavailable"), RetryableDestinationError),
        (Answer(cut=True), RetryableDestinationError),
        (Answer(body={"store-other": {"mappings": {"_meta": {"index": "store-other"}}}}), DestinationError),
    ],
)
async def test_nothing_is_acknowledged_before_the_index_was_seen(
    stub: StubServer, bulk: BulkIndex, look: Answer, error: type[DestinationError]
) -> None:
    stub.answer(items({"status": 201}, {"status": 200}), look)
    with pytest.raises(DestinationError) as refusal:
        await bulk.write(CHUNK)
    assert type(refusal.value) is error


@pytest.mark.invariant("2.1", "2.2")
async def test_one_request_carries_the_bodies_untouched_and_asks_for_a_short_answer(
    stub: StubServer, bulk: BulkIndex
) -> None:
    stub.answer(items({"status": 201}, {"status": 200}), IS_THERE)
    body = b'{"name":"Caf\xc3\xa9", "odd":   1.50}'
    await bulk.write([Operation(key="a", version=12, body=body), delete("b", 13)])
    sent = stub.requests[0]
    assert sent.method == "POST"
    assert sent.path == f"/{INDEX}/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"
    assert sent.body == (
        b'{"index":{"_id":"a","version":12,"version_type":"external_gte"}}\n'
        + body
        + b'\n{"delete":{"_id":"b","version":13,"version_type":"external_gte"}}\n'
    )
