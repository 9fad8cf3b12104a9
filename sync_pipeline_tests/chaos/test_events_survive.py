"""Webhook events while one part after the other of a real `dev` is killed: nothing lost, nothing stale, nothing stuck.

A shop is edited before, during and after each fault, which strikes while a drain has claimed events. How long it takes
until all is well again is printed at the end of the run. That takes minutes, so it runs in `make chaos`, and where
`ELASTICSEARCH_URL` says that the suite is about a real Elasticsearch.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from sync_pipeline.batches.database import make_engine
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.pipelines.store_search.events.models import WebhookEvent
from sync_pipeline.pipelines.store_search.search import client as serving
from sync_pipeline.sandboxes.bigcommerce.event_messages import EventSettings
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.chaos.edited_shop import EditedShop
from sync_pipeline_tests.chaos.living_dev import (
    Surroundings,
    dagster_instance,
    kill_service,
    running_dev,
    sensors_are_looked_at_since,
    worker_of,
)
from sync_pipeline_tests.chaos.relay import address_of, running_relay
from sync_pipeline_tests.commands import Commands
from sync_pipeline_tests.conftest import REAL_SERVERS
from sync_pipeline_tests.recovery_times import RECOVERY
from sync_pipeline_tests.schedules import is_long_run
from sync_pipeline_tests.waiting import wait_for

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.real_elasticsearch,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not (REAL_SERVERS["ELASTICSEARCH_URL"] or is_long_run()),
        reason="takes minutes: runs in `make chaos`, and where ELASTICSEARCH_URL names a real Elasticsearch",
    ),
]

AWAY_SECONDS = 120.0
LONGEST_RECOVERY = 240.0
ENDED = {"completed", "failed"}
#: Told at once, before the fault: with fewer, some failures would have BigCommerce block the receiver for minutes.
EDITS_BEFORE = 800
#: BigCommerce's first wait before it sends again is 60 s; here 3 s.
RETRIES = EventSettings(retry_factor=0.05)


@pytest.fixture(scope="module")
def here(
    elasticsearch_url: str, sandbox: SandboxServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Surroundings]:
    """`dev` with a PostgreSQL of its own, which its supervisor keeps running."""
    with running_relay(address_of(elasticsearch_url)) as relay:
        given = {"ELASTICSEARCH_URL": f"http://127.0.0.1:{relay.port}", "BIGCOMMERCE_API_URL": sandbox.base_url}
        commands = Commands(tmp_path_factory.mktemp("dev"), given)
        with running_dev(commands) as dev, dagster_instance(commands) as dagster:
            engine = make_engine(commands("env", "--json").json()["DATABASE_URL"])
            yield Surroundings(commands, dev, Ledger(engine), dagster, relay)
            engine.dispose()


@pytest.fixture
def shop(here: Surroundings, sandbox: SandboxServer, elasticsearch_url: str) -> Iterator[EditedShop]:
    """A shop of the test's own, indexed, with hooks that lead to the receiver."""
    store = f"t{secrets.token_hex(6)}"
    sandbox.admin.open_demo(store)
    sandbox.admin.configure(store, quota=10_000)
    sandbox.admin.configure_events(store, RETRIES)
    here.say("stores", "add", store, "--token-stdin", "--no-schedules", stdin=f"{store}-token\n")
    here.say("sync", "run", "--store", store)
    here.say("webhooks", "register", "--store", store, "--url", here.dev.receiver)
    with httpx.Client(base_url=elasticsearch_url, timeout=30, trust_env=False) as search:
        made = EditedShop(store, sandbox, search)
        made.learn()
        yield made
    asyncio.run(delete_indices(elasticsearch_url, store))
    sandbox.admin.close_store(store)


async def delete_indices(url: str, store: str) -> None:
    async with SearchCluster(url=url) as cluster:
        await serving.delete_indices(cluster, store)


@dataclass(frozen=True)
class Outage:
    """A fault that has struck: how long it ``lasts``, what ends it, and whether the service is back."""

    is_back: Callable[[], object]
    lasts: float = 0.0
    end: Callable[[], None] = lambda: None


def kill_drain(here: Surroundings, shop: EditedShop, drain: SyncBatch, worker: int) -> Outage:
    os.kill(worker, signal.SIGKILL)
    return Outage(lambda: (next_one := here.drain(shop.hash)) and next_one.id != drain.id)


def kill_daemon(here: Surroundings, *_: Any) -> Outage:
    kill_service(here.commands, "daemon")
    killed = time.time()
    return Outage(lambda: sensors_are_looked_at_since(here.dagster, killed))


def send_search_away(here: Surroundings, shop: EditedShop, *_: Any) -> Outage:
    here.relay.go_away()
    return Outage(lambda: here.drain(shop.hash), AWAY_SECONDS, here.relay.come_back)


def killing(service: str) -> Callable[..., Outage]:
    return lambda here, *_: Outage(kill_service(here.commands, service))


FAULTS: dict[str, Callable[[Surroundings, EditedShop, SyncBatch, int], Outage]] = {
    "run worker killed": kill_drain,
    "daemon killed": kill_daemon,
    "code server killed": killing("code_server"),
    "receiver killed": killing("api"),
    "PostgreSQL killed": killing("postgres"),
    "Elasticsearch away for 120 s": send_search_away,
}


def seconds_until(since: float, **conditions: Callable[[], object]) -> dict[str, float]:
    """How long after ``since`` each of the conditions held first."""
    took: dict[str, float] = {}

    def look() -> bool:
        for name, holds in conditions.items():
            if name not in took and holds():
                took[name] = round(time.monotonic() - since, 1)
        return len(took) == len(conditions)

    wait_for(look, what=f"all of {', '.join(conditions)}", seconds=LONGEST_RECOVERY)
    return took


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.invariant("1.1", "1.3", "1.4", "1.5", "2.5", "2.9", "3.4", "6.4")
def test_events_survive(here: Surroundings, shop: EditedShop, fault: str, record_property: Callable[..., None]):
    for _ in range(EDITS_BEFORE):
        shop.edit()
    wait_for(lambda: shop.shows(shop.so_far()), what="the first edits in a search", seconds=LONGEST_RECOVERY)
    drain = here.drain(shop.hash)
    assert drain is not None
    worker = worker_of(here.dagster, drain.dagster_run_id or "")
    with shop.editing():
        shop.sandbox.admin.inject(shop.hash, FaultKind.LATENCY, path="*/v3/catalog/products", seconds=0.5)
        wait_for(lambda: here.has_events(shop.hash, "claimed"), what="a claimed event")
        outage = FAULTS[fault](here, shop, drain, worker)
        shop.sandbox.admin.clear_faults(shop.hash)
        shop.delete_product()
        shop.rename_category()
        time.sleep(outage.lasts)
        outage.end()
        ended, until_then = time.monotonic(), shop.so_far()
        took = seconds_until(ended, serving=outage.is_back, found=lambda: shop.shows(until_then))
    record_property(RECOVERY, {"seconds after": fault, **took})
    wait_for(lambda: shop.shows(shop.so_far()), what="the last edit in a search", seconds=LONGEST_RECOVERY)
    wait_for(lambda: shop.sandbox.admin.events(shop.hash).is_quiet, what="the last webhook", seconds=LONGEST_RECOVERY)
    wait_for(lambda: not here.has_events(shop.hash, "waiting", "claimed"), what="the end of all events")
    check_in_step(here, shop)
    check_books(here, shop)
    assert here.dev.process.poll() is None


def check_in_step(here: Surroundings, shop: EditedShop) -> None:
    """Every name is the shop's, and a batch would have nothing to do; no record was given up."""
    names, shown = shop.names(), shop.shown()
    assert {key: name for key, name in shown.items() if key.startswith("product-") and names.get(key) != name} == {}
    for mode in ("incremental", "full"):
        parts = here.say("sync", "run", "--store", shop.hash, "--mode", mode, "--dry-run", "--json")
        left = {part["part"]: (part["create"], part["update"], part["delete"]) for part in parts}
        assert set(left.values()) == {(0, 0, 0)}, parts
    assert here.say("dead-letters", "list", "--store", shop.hash, "--json") == []


def check_books(here: Surroundings, shop: EditedShop) -> None:
    """Whatever was delivered was stored, and ended; no batch is left but the drain that waits for more."""
    told, events = shop.sandbox.admin.events(shop.hash), here.events(shop.hash)
    assert (told.given_up, told.discarded, told.dropped) == (0, 0, 0)
    assert sum(event.received for event in events) >= told.delivered == told.deliveries
    newest = {event.key: event for event in events}
    assert {event.state for event in newest.values()} == {"done"}
    assert {event.state for event in events} <= {"done", "coalesced"}
    batches = here.say("batches", "list", "--store", shop.hash, "--json")
    left = [(batch["type"], batch["status"]) for batch in batches if batch["status"] not in ENDED]
    assert left in ([], [("events", "processing")])
    for batch in batches:
        stats = batch["counts"].get("events")
        if batch["status"] == "completed" and stats:
            ends = sum(stats[f"events_{end}"] for end in ("done", "coalesced", "dead"))
            assert stats["events_received"] == ends == of_batch(events, batch["id"])


def of_batch(events: list[WebhookEvent], batch_id: int) -> int:
    return sum(event.received for event in events if event.batch_id == batch_id)


@pytest.mark.invariant("1.4")
def test_in_the_end_no_batch_is_left(here: Surroundings):
    def have_ended() -> bool:
        return all(batch["status"] in ENDED for batch in here.say("batches", "list", "--limit", "1000", "--json"))

    wait_for(have_ended, what="the end of every batch", seconds=LONGEST_RECOVERY)
