"""The machine's clock jumps by an hour: lanes, heartbeats, what an incremental batch looks for, versions, index names.

Of a machine's two clocks only the wall clock jumps, as when somebody sets it or a virtual machine wakes up. Lanes and
heartbeats go by the wall clock of PostgreSQL's machine, everything else by that of the process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sync_pipeline.batches import parts
from sync_pipeline.batches.lanes import Lane, LaneBusyError, acquire, refusals
from sync_pipeline.batches.ledger import Ledger, lane_holder
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.queue import due, reap
from sync_pipeline.batches.requests import LaneName, Mode
from sync_pipeline.clock import SystemClock
from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.errors import SyncPipelineError
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.stores.stores import Stores
from sync_pipeline.pipelines.store_search.types import IMPORTS, PIPELINE, BatchType
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.chaos.after_kills import check_recovered, lane_holders
from sync_pipeline_tests.fault_proxy import Answer, FaultProxy, Forward, Request, before, running_fault_proxy
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.waiting import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.real_elasticsearch]

HOUR = timedelta(hours=1)
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
PRODUCTS = "*-products-*/_bulk*"


class SteppedClock(SystemClock):
    """The machine's clock with a wall clock that is ``ahead`` (or, below zero, behind)."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest.fixture
def wall() -> SteppedClock:
    """The wall clock, right for now."""
    return SteppedClock()


@pytest.fixture
def shop(shop: Shop, wall: SteppedClock) -> Shop:
    """The shop, with everything on that clock."""
    ledger = Ledger(shop.pipeline.ledger.engine, wall)
    stores = Stores(ledger, shop.pipeline.stores.keyring)
    return replace(shop, pipeline=replace(shop.pipeline, ledger=ledger, stores=stores, clock=wall))


@pytest.fixture
def ledger(shop: Shop) -> Ledger:
    """Its ledger."""
    return shop.pipeline.ledger


@pytest.fixture
def proxy(elasticsearch_url: str) -> Iterator[FaultProxy]:
    """What stands before the search cluster."""
    with running_fault_proxy(elasticsearch_url) as running:
        yield running


@pytest.fixture
def watched(shop: Shop, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The same shop, run through the proxy in bulk requests of 8 operations."""
    defaults = BulkIndex.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "max_items", 8)
    settings = shop.pipeline.settings.model_copy(update={"elasticsearch_url": proxy.url})
    return replace(shop, pipeline=replace(shop.pipeline, settings=settings))


def change_prices(shop: Shop, price: int) -> None:
    for product in shop.ids("products"):
        shop.sandbox.admin.update(shop.hash, "products", product, {"price": price})


def prices(shop: Shop) -> set[float | None]:
    return {document.get("price") for key, document in shop.documents().items() if key.startswith("product-")}


def versions(shop: Shop) -> dict[str, int]:
    """The version of every document of the shop's that searches see."""

    async def read() -> dict[str, int]:
        async with shop.pipeline.cluster() as cluster:
            found = await cluster.reads.search(
                index=f"store-{shop.hash}", size=10_000, source={"includes": ["sync.version"]}
            )
        return {hit["_id"]: hit["_source"]["sync"]["version"] for hit in found["hits"]["hits"]}

    return asyncio.run(read())


@pytest.mark.invariant("1.5", "8.1")
@pytest.mark.parametrize("mode", ["full", "incremental"])
@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_step_in_mid_batch_costs_nobody_the_lane(
    shop: Shop,
    watched: Shop,
    proxy: FaultProxy,
    wall: SteppedClock,
    step: timedelta,
    mode: str,
    monkeypatch: pytest.MonkeyPatch,
):
    # Nor does it need a beat after the step.
    monkeypatch.setattr(parts, "HEARTBEAT_SECONDS", 600.0)
    shop.run_plain()
    change_prices(shop, 7)
    ledger = shop.pipeline.ledger
    looked: list[tuple[Sequence[SyncBatch], Lane | None]] = []

    def jump() -> None:
        wall.ahead += step
        batch = ledger.list(limit=1)[0]
        closed, taken = reap(ledger), None
        with suppress(LaneBusyError):
            taken = acquire(ledger, batch.scope, LaneName.BULK, "another")
        looked.append((closed, taken))

    rule = proxy.inject(before(jump), path=PRODUCTS, after=2)
    batch = watched.run_plain(mode=mode)
    assert (rule.applied, looked) == (1, [([], None)])
    assert lane_holders(shop) == []
    assert prices(shop) == {7}
    assert batch.counts["products"]["seconds"] < 60
    check_recovered(shop, batch)


@pytest.mark.invariant("1.4", "8.1", "8.2", "8.3", "8.4", "8.5")
@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_who_is_overtaken_after_a_step_forward_writes_no_more(
    shop: Shop, watched: Shop, proxy: FaultProxy, mode: str, monkeypatch: pytest.MonkeyPatch
):
    # No beat between the step and the moment in which another looks at the lane.
    monkeypatch.setattr(parts, "HEARTBEAT_SECONDS", 600.0)
    shop.run_plain()
    change_prices(shop, 7)
    ledger = shop.pipeline.ledger
    passed_on = threading.Event()

    def overtake(request: Request, forward: Forward) -> Answer:
        pass_time(ledger, HOUR.total_seconds())
        change_prices(shop, 8)
        shop.run_plain(mode=mode)
        answer = forward(request)
        passed_on.set()
        return answer

    proxy.inject(overtake, path=PRODUCTS, after=2)
    with pytest.raises(SyncPipelineError) as raised:
        watched.run_plain(mode=mode)
    wait_for(passed_on.is_set, what="the last write of the one that was overtaken")
    assert prices(shop) == {8}
    winner, lost = ledger.list(limit=2)
    assert (winner.status, lost.status, lost.error["kind"]) == ("completed", "failed", raised.value.kind)
    if raised.value.kind != "fenced":
        assert mode == "full" and "does not have this index (any more)" in str(raised.value), "the winner removed it"
    else:
        assert refusals(ledger).keys() == {f"{lost.scope} bulk"}
    batch, _ = shop.run_batch(ledger.retry(lost.id))
    check_recovered(shop, batch)


@pytest.mark.invariant("1.4", "1.5", "8.1")
def test_who_died_while_the_clock_was_ahead_blocks_nobody_once_it_is_right(shop: Shop, ledger: Ledger):
    dead = ledger.request(store_request(shop.hash, BatchType.ALL))
    dead = ledger.claim(dead.id, run_id="of a process that was killed", planned=["products"])
    acquire(ledger, dead.scope, LaneName.BULK, lane_holder(dead))
    pass_time(ledger, -HOUR.total_seconds())
    waiting = ledger.request(store_request(shop.hash, BatchType.ALL))
    assert due(ledger, [PIPELINE]) == []
    assert [batch.id for batch in reap(ledger)] == [dead.id]
    assert [batch.id for batch in due(ledger, [PIPELINE])] == [waiting.id]
    assert ledger.get(dead.id).error["kind"] == "lost"


@pytest.mark.invariant("2.9", "1.5")
@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_an_incremental_batch_misses_nothing_whatever_our_clock_said(shop: Shop, wall: SteppedClock, step: timedelta):
    for product in shop.ids("products"):
        long_ago = {"price": 5, "date_modified": LONG_AGO.isoformat()}
        shop.sandbox.admin.update(shop.hash, "products", product, long_ago)
    wall.ahead = step
    shop.run_plain()
    wall.ahead = timedelta(0)
    changed, gone, *_ = shop.ids("products")
    shop.sandbox.admin.update(shop.hash, "products", changed, {"price": 4711})
    shop.sandbox.admin.delete(shop.hash, "products", gone)
    batch = shop.run_plain(mode=Mode.INCREMENTAL)
    products = batch.counts["products"]
    assert (products["mode"], products["written"], products["deleted"]) == ("incremental", 1, 1)
    assert shop.documents()[f"product-{changed}"]["price"] == 4711
    check_recovered(shop, batch)


@pytest.mark.invariant("2.2", "2.4")
def test_versions_grow_also_while_the_clock_goes_back(shop: Shop, wall: SteppedClock):
    shop.run_plain()
    newest = versions(shop)
    for mode in ("incremental", "full", "incremental"):
        wall.ahead -= HOUR
        change_prices(shop, 10 - wall.ahead // HOUR)
        shop.run_plain(mode=mode)
        now = versions(shop)
        products = [key for key in now if key.startswith("product-")]
        assert min(now[key] for key in products) > max(newest.values())
        newest = now
    assert prices(shop) == {13}


@pytest.mark.invariant("5.1")
def test_names_of_indices_grow_also_while_the_clock_goes_back(shop: Shop, wall: SteppedClock):
    batch = shop.run_plain()
    for _ in range(2):
        wall.ahead -= HOUR
        batch = shop.run_plain()
        for part in IMPORTS:
            [replaced] = batch.counts[part]["replaced"]
            assert batch.counts[part]["index"] > replaced
    check_recovered(shop, batch)
