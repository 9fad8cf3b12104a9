"""A cluster, a store of the test's own on it, and a server that fails on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from sync_pipeline.connectors.elasticsearch import patience
from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline_tests.connectors.elasticsearch.stores import SIMPLE, new_index, own_store
from sync_pipeline_tests.connectors.elasticsearch.stub_server import StubServer, running_stub_server


@pytest.fixture
async def cluster(elasticsearch_url: str) -> AsyncIterator[SearchCluster]:
    """The search cluster under test."""
    async with SearchCluster(url=elasticsearch_url) as opened:
        yield opened


@pytest.fixture
async def indices(cluster: SearchCluster) -> AsyncIterator[StoreIndices]:
    """The indices of a store that only this test knows."""
    async with own_store(cluster) as store:
        yield store


@pytest.fixture
async def bulk(indices: StoreIndices) -> BulkIndex:
    """A new, empty index with the fields ``text`` and ``sync``."""
    return BulkIndex(indices.cluster, await new_index(indices, body=SIMPLE))


@pytest.fixture
def stub() -> Iterator[StubServer]:
    """A server that answers what the test tells it to."""
    with running_stub_server() as server:
        yield server


@pytest.fixture
async def stub_cluster(stub: StubServer) -> AsyncIterator[SearchCluster]:
    """A connection to the stub, impatient."""
    async with SearchCluster(url=stub.url, request_timeout=0.5) as opened:
        yield opened


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are made again after hundredths of a second."""
    monkeypatch.setattr(patience, "BACKOFF", replace(patience.BACKOFF, first=0.001))
