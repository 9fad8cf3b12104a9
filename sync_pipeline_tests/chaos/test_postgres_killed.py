"""PostgreSQL killed with SIGKILL in the middle of a batch: one line, nothing stuck, nothing lost.

The server is the tests' own, under its supervisor, which starts it again. A relay before it says how long it is away.
"""

from __future__ import annotations

import os
import random
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest
from sqlalchemy import make_url

from sync_pipeline.batches.database import make_engine
from sync_pipeline.batches.queue import reap
from sync_pipeline.batches.schema import upgrade
from sync_pipeline.errors import ServiceUnavailableError
from sync_pipeline.local.engines import Engines
from sync_pipeline.pipelines.store_search.stores.stores import store_scope
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.chaos import victims
from sync_pipeline_tests.chaos.after_kills import check_recovered, told
from sync_pipeline_tests.chaos.relay import Relay, Strike, running_relay
from sync_pipeline_tests.commands import Answer, Commands
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.schedules import schedules
from sync_pipeline_tests.waiting import wait_for

SCHEDULES = schedules(1)
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300 + 30 * SCHEDULES)]


@pytest.fixture(scope="module")
def own_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """A PostgreSQL that may be killed, with an upgraded ledger."""
    with Engines.open(tmp_path_factory.mktemp("engines"), owner="tests", idle=0.0) as engines:
        engine = make_engine(engines.url("postgres"))
        upgrade(engine)
        engine.dispose()
        yield engines
        engines.stop()


@pytest.fixture
def relay(own_engines: Engines) -> Iterator[Relay]:
    """What stands before that PostgreSQL."""
    with running_relay(("127.0.0.1", own_engines.status()["postgres"].port or 0)) as running:
        yield running


@pytest.fixture
def commands(commands: Commands, own_engines: Engines, relay: Relay) -> Commands:
    """The command line with its ledger and Dagster's storage behind the relay."""

    def through_relay(database: str) -> str:
        url = make_url(own_engines.url("postgres", database))
        return url.set(port=relay.port).render_as_string(hide_password=False)

    databases = {"DATABASE_URL": through_relay("sync_pipeline"), "DAGSTER_DATABASE_URL": through_relay("dagster")}
    return Commands(commands.folder, {**commands.variables, **databases})


def kill_postgres(engines: Engines) -> None:
    """Kills it; somebody else asks for it at once, without which a server that was killed often stays away."""
    pid = engines.status()["postgres"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    asking = partial(wait_for, lambda: answers(engines), what="PostgreSQL")
    threading.Thread(target=asking, daemon=True).start()


def answers(engines: Engines) -> bool:
    """Asks for PostgreSQL; whether it is there, and not just given up because it was killed often."""
    with suppress(ServiceUnavailableError):
        return bool(engines.url("postgres"))
    return False


def run(commands: Commands, shop: Shop, **more: str) -> victims.ForkServerProcess:
    return victims.start(commands, "sync", "run", "--store", shop.hash, **more)


def check_told(answer: Answer, *statuses: int) -> None:
    """It got through if it may, or said in one line that PostgreSQL was away."""
    assert answer.status in statuses, answer
    if answer.status != 0:
        # libpq itself prints what the server says between the password and the first statement.
        said = Answer(answer.status, answer.out, re.sub(r"(?m)^FATAL: .*\n", "", answer.error))
        assert re.search(r"(PostgreSQL .*|Dagster's storage )cannot be reached", said.failed_in_one_line(3))


def set_right(shop: Shop) -> None:
    """Closes what was left open, and runs the shop's next batch."""
    pass_time(shop.pipeline.ledger, 360)
    reap(shop.pipeline.ledger)
    assert {batch.status for batch in shop.pipeline.ledger.list(scope=store_scope(shop.hash))} <= {
        "completed",
        "failed",
    }
    check_recovered(shop, shop.run_plain(mode="incremental"))


@pytest.mark.invariant("1.3", "1.5", "2.4", "5.4")
def test_killed_and_back_at_once(commands: Commands, own_engines: Engines, relay: Relay, shop: Shop):
    first = victims.answer(run(commands, shop), commands)
    assert first.status == 0, first
    served = shop.documents()
    asked = relay.messages * 3 // 4  # the first run on a new storage also makes its tables
    struck = 0
    for seed in range(SCHEDULES):
        dice = random.Random(seed)
        shop.sandbox.admin.update(shop.hash, "products", dice.choice(shop.ids("products")), {"price": seed + 3})
        version = shop.pipeline.ledger.next_version()
        relay.expect(Strike(dice.randint(asked // 10, asked), lambda: kill_postgres(own_engines), dice.random() < 0.5))
        answer = victims.answer(run(commands, shop), commands)
        struck += relay.struck
        with told(f"{seed}: {answer}"):
            check_told(answer, 0, 3)
        own_engines.url("postgres")
        assert shop.documents().keys() == served.keys()
        assert shop.pipeline.ledger.next_version() > version
        set_right(shop)
    assert struck > SCHEDULES // 2


@pytest.mark.invariant("1.3", "1.5", "5.4")
def test_killed_and_away_until_the_batch_has_given_up(
    commands: Commands, own_engines: Engines, relay: Relay, shop: Shop
):
    shop.run_plain()
    served = shop.documents()
    shop.sandbox.admin.update(shop.hash, "products", 101, {"price": 4711})
    shop.sandbox.admin.inject(shop.hash, FaultKind.LATENCY, path="*/v3/catalog/products", seconds=2)
    # Dagster's storage comes back at once: its client alone would try for 12 s at every event.
    running = run(commands, shop, DAGSTER_DATABASE_URL=own_engines.url("postgres", "dagster"))
    wait_for(lambda: shop.sandbox.admin.faults(shop.hash)[0].applied > 0, what="an import under way")
    relay.go_away()
    kill_postgres(own_engines)
    check_told(victims.answer(running, commands), 3)
    assert shop.documents() == served
    own_engines.url("postgres")
    relay.come_back()
    shop.sandbox.admin.clear_faults(shop.hash)
    set_right(shop)
    assert shop.documents()["product-101"]["price"] == 4711


@pytest.mark.invariant("3.6", "7.7")
def test_dagsters_own_storage_is_away(commands: Commands, shop: Shop, unused_port: int):
    away = f"postgresql://u:pw-of-mine@127.0.0.1:{unused_port}/dagster"
    answer = victims.answer(run(commands, shop, DAGSTER_DATABASE_URL=away), commands)
    check_told(answer, 3)
    assert "pw-of-mine" not in answer.error + answer.out
    batch = shop.pipeline.ledger.list(limit=1)[0]
    assert (batch.status, batch.error["kind"]) == ("failed", "dagster_storage_unavailable")
