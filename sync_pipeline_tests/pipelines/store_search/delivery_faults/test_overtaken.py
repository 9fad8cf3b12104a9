"""A batch that loses its lane to another in mid-import: it writes no more, publishes nothing, and that is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from sync_pipeline.batches.lanes import refusals
from sync_pipeline.batches.models import ScopeLock
from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.pipelines.store_search.stores.stores import store_scope
from sync_pipeline.pipelines.store_search.types import IMPORTS, Part
from sync_pipeline_tests.fault_proxy import FaultProxy, before
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.delivery_faults.faulty_search import (
    PRODUCTS,
    check_whole,
    failure,
    product_prices,
)
from sync_pipeline_tests.waiting import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.real_elasticsearch, pytest.mark.usefixtures("small_chunks")]


def set_lane(shop: Shop, **values: object) -> None:
    mine = update(ScopeLock).where(ScopeLock.scope == store_scope(shop.hash))
    with shop.pipeline.ledger.session() as session:
        session.execute(mine.values(**values))


@contextmanager
def overtaken_at(proxy: FaultProxy, shop: Shop, *, after: int) -> Iterator[None]:
    """Another takes the shop's lane while the request after so many is under way, and holds it to the end.

    The imports of everything else have ended by then, so that only this one can be refused.
    """
    ledger = shop.pipeline.ledger

    def overtake() -> None:
        batch = ledger.list(limit=1)[0]
        others = {part.value for part in IMPORTS} - {Part.PRODUCTS.value}
        wait_for(lambda: others <= ledger.get(batch.id).counts.keys(), what="the other imports")
        set_lane(shop, holder="an heir", token=ScopeLock.token + 1)

    proxy.inject(before(overtake), path=PRODUCTS, after=after)
    try:
        yield
    finally:
        proxy.clear()
        set_lane(shop, holder=None)


@pytest.mark.invariant("5.4", "8.3", "8.4", "8.5")
@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_who_loses_its_lane_in_mid_import_writes_no_more_and_publishes_nothing(
    shop: Shop, faulty: Shop, proxy: FaultProxy, mode: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Delivery, "of", partial(Delivery.of, writers=1))
    shop.run_plain()
    expected, served, prices = shop.documents(), shop.served(), product_prices(shop)
    for product in shop.ids("products"):
        shop.sandbox.admin.update(shop.hash, "products", product, {"price": 4711})
    with overtaken_at(proxy, shop, after=2), capture_logs() as lines:
        error = failure(faulty, mode=mode)
        requests = proxy.asked(path=PRODUCTS)
        swaps = [one for one in proxy.asked(path="/_aliases*") if b"-products-" in one.body]
    assert (error.kind, swaps) == ("fenced", [])
    assert len(requests) == 3, "two that were its own, and the one under way"
    [(lane, refused)] = refusals(shop.pipeline.ledger).items()
    assert lane == f"store:{shop.hash} bulk"
    assert refused == len([line for line in lines if line["event"] == "write refused"]) >= 1
    batch = shop.pipeline.ledger.list()[0]
    assert (batch.error["kind"], batch.counts.get("products")) == ("fenced", None)
    assert shop.served() >= {name for name in served if "-products-" in name}
    if mode == "full":
        assert product_prices(shop) == prices
    else:
        changed = [key for key, price in product_prices(shop).items() if price != prices[key]]
        assert len(changed) <= 3 * 8
    check_whole(shop, shop.run_plain(mode=mode), shop.documents())
    assert shop.documents().keys() == expected.keys()
    assert set(product_prices(shop).values()) == {4711}
