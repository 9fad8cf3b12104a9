"""Stores that `health` asks about: side by side, bounded, and not all when the address answers for none."""

from __future__ import annotations

import secrets
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sync_pipeline.pipelines.store_search.runtime import StoreSearch
from sync_pipeline.pipelines.store_search.stores import health
from sync_pipeline.pipelines.store_search.stores.health import AT_ONCE, SILENT_STORES, store_findings
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer

STORES = 40


@pytest.fixture
def many(pipeline: StoreSearch, monkeypatch: pytest.MonkeyPatch) -> StoreSearch:
    monkeypatch.setattr(health, "LOOK_SECONDS", 1.0)
    for number in range(STORES):
        pipeline.stores.save(f"s{number:02}", name="Shop", token="t")
    return pipeline


@pytest.fixture
def frozen() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def at(pipeline: StoreSearch, url: str) -> StoreSearch:
    return replace(pipeline, settings=pipeline.settings.model_copy(update={"bigcommerce_api_url": url}))


def test_frozen_address_is_not_asked_for_every_store(many: StoreSearch, frozen: str):
    began = time.monotonic()
    found = [*store_findings(at(many, frozen))]
    assert time.monotonic() - began < 10
    told = Counter(one.detail.partition(":")[0] for one in found)
    assert set(told) == {"BigCommerce gave no answer within 1 s", "not asked"}
    assert told["not asked"] > STORES - AT_ONCE - SILENT_STORES
    assert {one.exit_status for one in found} == {3}


def test_refused_address_is_told_within_seconds(many: StoreSearch, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(health, "LOOK_SECONDS", 10.0)
    began = time.monotonic()
    found = [*store_findings(at(many, "http://127.0.0.1:9"))]
    assert time.monotonic() - began < 20
    assert "(BIGCOMMERCE_API_URL) reachable?" in found[0].detail
    assert found[-1].detail.startswith("not asked")


def test_store_that_is_alone_in_failing_stops_no_other(pipeline: StoreSearch, sandbox: SandboxServer):
    opened = [f"h{secrets.token_hex(6)}" for _ in range(6)]
    for store_hash in opened:
        sandbox.admin.open_demo(store_hash, token="good")
        pipeline.stores.save(store_hash, name="Shop", token="good")
    pipeline.stores.save("zz", name="Shop", token="of a shop that is not there")
    sandbox.admin.configure(opened[0], quota=2)
    found = {one.what: one for one in store_findings(pipeline)}
    assert [found[f"store {store_hash}"].level for store_hash in opened[1:]] == ["ok"] * 5
    assert found["store zz"].level == "failure"
    # A quota that a batch uses up is no failure of the store.
    assert found[f"store {opened[0]}"].level == "warning"
