"""A shop whose search cluster stands behind a proxy that does harm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sync_pipeline.connectors.elasticsearch import patience
from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline_tests.clocks import HurriedClock
from sync_pipeline_tests.fault_proxy import FaultProxy, running_fault_proxy
from sync_pipeline_tests.pipelines.store_search.conftest import Shop


@pytest.fixture
def instance() -> None:
    """No Dagster: nothing here runs a job."""


@pytest.fixture
def proxy(elasticsearch_url: str) -> Iterator[FaultProxy]:
    """What stands before the search cluster."""
    with running_fault_proxy(elasticsearch_url) as running:
        yield running


@pytest.fixture
def clock() -> HurriedClock:
    """Back-off takes no time."""
    return HurriedClock()


@pytest.fixture
def faulty(shop: Shop, proxy: FaultProxy, clock: HurriedClock, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The same shop, run through the proxy by a client that makes short pauses."""
    monkeypatch.setattr(patience, "BACKOFF", replace(patience.BACKOFF, first=0.01))
    settings = shop.pipeline.settings.model_copy(update={"elasticsearch_url": proxy.url})
    return replace(shop, pipeline=replace(shop.pipeline, settings=settings, clock=clock))


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bulk requests of 8 operations: the shop's 52 visible products make 7."""
    defaults = BulkIndex.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "max_items", 8)
