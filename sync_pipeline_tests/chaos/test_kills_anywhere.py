"""`sync run` killed with SIGKILL at random points: searches go on, the next batch completes, and nothing is left over.

A point is a request to the shop, to the search cluster or to the ledger, of which the process never learns the answer;
the request itself did arrive, or did not. Time passes in the ledger instead of for real: the lane's own waiting is
tried in test_killed_command.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import make_url

from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.queue import reap
from sync_pipeline.pipelines.store_search.types import IMPORTS, part_of_key
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.chaos import victims
from sync_pipeline_tests.chaos.after_kills import check_recovered, told
from sync_pipeline_tests.chaos.relay import Relay, Strike, running_relay
from sync_pipeline_tests.commands import Commands
from sync_pipeline_tests.fault_proxy import Answer, Cut, FaultProxy, Forward, Harm, Request, running_fault_proxy
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.schedules import schedules

SCHEDULES = schedules(3)
pytestmark = [pytest.mark.chaos, pytest.mark.real_elasticsearch, pytest.mark.timeout(120 + 20 * SCHEDULES)]

Documents = dict[str, dict[str, Any]]


@dataclass
class Gates:
    """What stands between a command and its services; every request passes one of the three."""

    shop: FaultProxy
    search: FaultProxy
    ledger: Relay
    commands: Commands

    def passed(self) -> dict[str, int]:
        """How many requests came, by service."""
        return {"shop": len(self.shop.requests), "search": len(self.search.requests), "ledger": self.ledger.messages}

    def reset(self) -> None:
        """Counts from zero, and harms nobody."""
        self.shop.clear()
        self.search.clear()
        self.ledger.expect()

    def strike(self, service: str, at: int, act: Callable[[], object], *, passed: bool) -> None:
        """Acts at the service's ``at``-th request, and tells the asker nothing."""
        if service == "ledger":
            self.ledger.expect(Strike(at, act, passed))
        else:
            getattr(self, service).inject(_silent(act, passed=passed), after=at - 1)


def _silent(act: Callable[[], object], *, passed: bool) -> Harm:
    def harm(request: Request, forward: Forward) -> Answer:
        if passed:
            forward(request)
        act()
        raise Cut

    return harm


@pytest.fixture
def gates(commands: Commands) -> Iterator[Gates]:
    """The three gates, open."""
    given = commands.variables
    ledger = make_url(given["DATABASE_URL"])
    with (
        running_fault_proxy(given["BIGCOMMERCE_API_URL"]) as shop,
        running_fault_proxy(given["ELASTICSEARCH_URL"]) as search,
        running_relay((ledger.host or "", ledger.port or 5432)) as relay,
    ):
        through = {
            "BIGCOMMERCE_API_URL": shop.url,
            "ELASTICSEARCH_URL": search.url,
            "DATABASE_URL": ledger.set(host="127.0.0.1", port=relay.port).render_as_string(hide_password=False),
        }
        yield Gates(shop, search, relay, Commands(commands.folder, {**given, **through}))


def edit(shop: Shop, dice: random.Random) -> None:
    """A day at the shop: prices, names, something hidden, something gone, something new."""
    admin = shop.sandbox.admin
    for product in dice.sample(shop.ids("products"), 8):
        admin.update(shop.hash, "products", product, {"price": dice.randint(1, 999), "is_visible": True})
    hidden, gone = dice.sample(shop.ids("products"), 2)
    admin.update(shop.hash, "products", hidden, {"is_visible": False})
    admin.delete(shop.hash, "products", gone)
    admin.create(shop.hash, "products", {"name": f"Lantern {dice.randint(1, 999)}", "price": 12, "is_visible": True})
    for kind in ("brands", "categories", "pages"):
        admin.update(shop.hash, kind, dice.choice(shop.ids(kind)), {"name": f"Harbour {dice.randint(1, 999)}"})
    admin.update(shop.hash, "posts", dice.choice(shop.ids("posts")), {"title": f"News {dice.randint(1, 999)}"})


def run_victim(gates: Gates, shop: Shop, mode: str) -> victims.ForkServerProcess:
    words = ("sync", "run", "--store", shop.hash, "--mode", mode, "--confirm-deletes")
    return victims.start(gates.commands, *words)


def unharmed(gates: Gates, shop: Shop, mode: str) -> dict[str, int]:
    """Runs the command to its end; how many requests it made, by service."""
    gates.reset()
    answer = victims.answer(run_victim(gates, shop, mode), gates.commands)
    assert (answer.status, answer.error) == (0, "")
    return gates.passed()


def check_searches_saw_one_state(mode: str, before: Documents, seen: Documents, after: Documents) -> None:
    """A killed full batch leaves each kind wholly old or wholly new, an incremental one each document."""
    if mode == "incremental":
        assert seen.keys() >= before.keys() & after.keys()
        assert all(document in (before.get(key), after.get(key)) for key, document in seen.items())
        return
    for part in IMPORTS:
        old, found, new = ({key: d[key] for key in d if part_of_key(key) is part} for d in (before, seen, after))
        assert found in (old, new), part


def close_the_killed(shop: Shop, since: int) -> SyncBatch | None:
    """Lets time pass; the batch of the killed command, closed as lost, unless it came to none or to its end."""
    ledger = shop.pipeline.ledger
    pass_time(ledger, 360)
    reaped = reap(ledger)
    new = [batch for batch in ledger.list(limit=3) if batch.id > since]
    assert len(new) <= 1
    if not new or new[0].status == "completed":
        assert reaped == []
        return None
    assert [batch.id for batch in reaped] == [new[0].id]
    assert (new[0].status, new[0].error["kind"]) == ("failed", "lost")
    return new[0]


@pytest.mark.invariant("1.2", "1.3", "1.4", "1.5", "2.1", "3.1", "5.1", "5.2", "5.4", "8.1")
def test_a_command_killed_anywhere_leaves_nothing_that_the_next_batch_does_not_set_right(shop: Shop, gates: Gates):
    requests = {"full": unharmed(gates, shop, "full")}
    edit(shop, random.Random(0))
    requests["incremental"] = unharmed(gates, shop, "incremental")
    struck = 0
    for seed in range(SCHEDULES):
        dice = random.Random(seed)
        edit(shop, dice)
        mode = dice.choice(["full", "incremental"])
        service = ("search", "ledger", "shop")[seed % 3]
        at = dice.randint(1, requests[mode][service])
        passed = dice.random() < 0.5
        how = dice.choice(["retry", "full", "incremental"])
        with told(f"{seed}: {mode}, {service} request {at}, passed: {passed}, then {how}"):
            before = shop.documents()
            newest = shop.pipeline.ledger.list(limit=1)[0].id
            gates.reset()
            victim = run_victim(gates, shop, mode)
            gates.strike(service, at, victim.kill, passed=passed)
            answer = victims.answer(victim, gates.commands)
            assert answer.status in (0, -9), answer
            struck += answer.status == -9
            seen = shop.documents()
            killed = close_the_killed(shop, newest)
            if killed is not None and how == "retry":
                batch, _ = shop.run_batch(shop.pipeline.ledger.retry(killed.id))
            else:
                batch = shop.run_plain(mode="full" if how == "retry" else how, confirm_deletes=True)
            check_recovered(shop, batch)
            check_searches_saw_one_state(mode, before, seen, shop.documents())
    assert struck > SCHEDULES // 2
