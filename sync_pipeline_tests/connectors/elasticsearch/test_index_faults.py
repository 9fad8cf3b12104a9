"""Calls about indices that go wrong: what may have been done all the same, and what a person is told."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.errors import ServiceUnavailableError
from sync_pipeline_tests.connectors.elasticsearch.stores import SIMPLE
from sync_pipeline_tests.connectors.elasticsearch.stub_server import Answer, StubServer

pytestmark = pytest.mark.chaos

INDEX = "store-x-products-20260101000000000"
LOST = Answer(cut=True)
EXISTS = Answer(400, {"error": {"type": "resource_already_exists_exception", "reason": "exists"}, "status": 400})
META = Answer(body={INDEX: {"mappings": {"_meta": {"index": INDEX}}}})


def health(*, timed_out: bool) -> Answer:
    return Answer(408 if timed_out else 200, {"status": "red" if timed_out else "green", "timed_out": timed_out})


def created(*, shards: bool) -> Answer:
    return Answer(body={"acknowledged": True, "shards_acknowledged": shards, "index": INDEX})


@pytest.mark.invariant("6.2")
@pytest.mark.parametrize(
    "answers",
    [[created(shards=False)], [LOST, EXISTS, META, health(timed_out=True)]],
    ids=["told at once", "told after a lost answer"],
)
async def test_an_index_that_no_node_takes_is_a_passing_state(
    stub: StubServer, stub_cluster: SearchCluster, answers: list[Answer]
) -> None:
    stub.answer(*answers)
    with pytest.raises(ServiceUnavailableError, match="are the disks full") as refusal:
        await StoreIndices(stub_cluster, "x").create(INDEX, SIMPLE)
    assert refusal.value.exit_status == 3
    assert len(stub.requests) == len(answers)


@pytest.mark.invariant("2.1", "6.2")
@pytest.mark.parametrize(
    "answers", [[created(shards=True)], [LOST, EXISTS, META, health(timed_out=False)]], ids=["told", "answer lost"]
)
async def test_an_index_that_a_node_has_taken_is_made(
    stub: StubServer, stub_cluster: SearchCluster, answers: list[Answer]
) -> None:
    stub.answer(*answers)
    await StoreIndices(stub_cluster, "x").create(INDEX, SIMPLE)
    assert len(stub.requests) == len(answers)


def behind(*names: str) -> Answer:
    found: dict[str, Any] = {name: {"aliases": {"store-x": {}}} for name in names}
    return Answer(body=found) if names else Answer(404, {"error": "alias [store-x] missing", "status": 404})


@pytest.mark.invariant("2.1", "5.2")
async def test_a_swap_that_was_done_though_its_answer_was_lost_counts_as_done(
    stub: StubServer, stub_cluster: SearchCluster
) -> None:
    old = "store-x-products-20250101000000000"
    gone = Answer(404, {"error": {"type": "aliases_not_found_exception", "reason": "missing"}, "status": 404})
    stub.answer(META, behind(old), behind(old), LOST, gone, behind(INDEX), behind(INDEX))
    assert await StoreIndices(stub_cluster, "x").swap({"products": INDEX}) == {"products": [old]}
    assert [request.path.partition("?")[0] for request in stub.requests if request.method == "POST"] == [
        "/_aliases"
    ] * 2
