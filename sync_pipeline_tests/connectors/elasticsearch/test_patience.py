"""Calls that are made again: after growing pauses, or those that the server asks for."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sync_pipeline.connectors.elasticsearch import patience
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.errors import ServiceUnavailableError
from sync_pipeline_tests.connectors.elasticsearch.stub_server import Answer, StubServer


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each pause would have been."""
    kept: list[float] = []

    class Hurried:
        sleep = staticmethod(lambda seconds: kept.append(seconds) or asyncio.sleep(0))

    monkeypatch.setattr(patience, "asyncio", Hurried)
    monkeypatch.setattr(patience, "BACKOFF", replace(patience.BACKOFF, random=lambda: 1.0))
    return kept


async def ask(cluster: SearchCluster) -> None:
    with cluster.errors("asking"):
        await cluster.repeatable.info()


@pytest.mark.invariant("6.2")
async def test_pauses_grow_and_a_call_is_given_up_after_seven_attempts(
    stub: StubServer, stub_cluster: SearchCluster, pauses: list[float]
) -> None:
    stub.answer(Answer(503))
    with pytest.raises(ServiceUnavailableError, match="answered 503"):
        await ask(stub_cluster)
    assert len(stub.requests) == 7
    assert pauses == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4])


@pytest.mark.invariant("6.3")
async def test_the_servers_own_waiting_time_is_kept(
    stub: StubServer, stub_cluster: SearchCluster, pauses: list[float]
) -> None:
    stub.answer(Answer(429, headers={"Retry-After": "17"}), Answer())
    await ask(stub_cluster)
    assert pauses == [17.0]
    stub.answer(Answer(429, headers={"Retry-After": "4711"}))
    with pytest.raises(ServiceUnavailableError, match="answered 429"):
        await ask(stub_cluster)
    assert pauses == [17.0], "a waiting time of an hour is told, not waited for"
