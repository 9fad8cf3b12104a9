"""An event is stored before it is acknowledged: with a database that is held up, cut off, away, and kill -9."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from sqlalchemy import Connection, make_url, text

from sync_pipeline.batches.database import make_engine
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.secrets import parse_keys
from sync_pipeline.pipelines.store_search.stores.stores import Stores
from sync_pipeline_tests.api.bigcommerce.senders import SECRET, payload
from sync_pipeline_tests.api.bigcommerce.senders import Connection as Sender
from sync_pipeline_tests.api.conftest import KEY, STORE, rows, running, serving
from sync_pipeline_tests.commands import Commands
from sync_pipeline_tests.waiting import wait_for

FLOOD = 40


def post(receiver: httpx.Client, number: int) -> int:
    path = f"/webhooks/bigcommerce/{STORE}"
    return receiver.post(path, content=payload(STORE, number), headers={"X-Sync-Secret": SECRET}).status_code


@contextmanager
def held_up(ledger: Ledger) -> Iterator[Connection]:
    """Nobody can write events meanwhile; whoever wants to waits."""
    with ledger.engine.begin() as holder:
        holder.execute(text("LOCK TABLE sync_pipeline.webhook_events IN SHARE MODE"))
        yield holder


def waiting_backend(holder: Connection) -> int:
    """The process of the server that waits to write an event."""
    query = text("SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'sync_pipeline.webhook_events'::regclass")
    return wait_for(lambda: holder.scalar(query), what="an event that is being stored")


@pytest.mark.invariant("1.1")
def test_nothing_is_acknowledged_before_its_commit(receiver: httpx.Client, store: str, ledger: Ledger):
    with ThreadPoolExecutor(3) as senders:
        with held_up(ledger) as holder:
            answers = [senders.submit(post, receiver, number) for number in (1, 2, 3)]
            waiting_backend(holder)
            # Answers that do not wait are there by now: this request came after them.
            assert receiver.get("/health/live").status_code == 200
            assert not any(answer.done() for answer in answers)
            assert rows(ledger) == []
        assert [answer.result(30) for answer in answers] == [200] * 3
    assert len(rows(ledger)) == 3


@pytest.mark.invariant("1.1")
def test_a_group_that_fails_is_not_acknowledged_and_the_next_is_stored(
    receiver: httpx.Client, store: str, ledger: Ledger
):
    assert post(receiver, 1) == 200
    with ThreadPoolExecutor(1) as senders:
        with held_up(ledger) as holder:
            cut = senders.submit(post, receiver, 2)
            holder.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": waiting_backend(holder)})
            assert cut.result(30) == 503
        assert post(receiver, 3) == 200
    assert [row["key"] for row in rows(ledger)] == ["product-1", "product-3"]


@pytest.mark.invariant("1.1")
def test_with_postgresql_away_nothing_is_acknowledged_and_only_that_is_not_ready(unused_port: int):
    away = make_engine(f"postgresql://someone:hidden@127.0.0.1:{unused_port}/ledger")
    with serving(Stores(Ledger(away), parse_keys(KEY))) as receiver:
        answer = receiver.post(f"/webhooks/bigcommerce/{STORE}", content=payload(STORE))
        assert answer.status_code == 503 and answer.headers["retry-after"]
        assert answer.headers["content-type"] == "application/problem+json"
        ready = receiver.get("/health/ready")
        assert ready.status_code == 503 and ready.json()["status"] == 503
        assert receiver.get("/health/live").status_code == 200
        assert "hidden" not in answer.text + ready.text and str(unused_port) not in answer.text + ready.text


def test_a_ledger_that_is_not_upgraded_is_not_ready(empty_database_url: str):
    engine = make_engine(empty_database_url)
    with serving(Stores(Ledger(engine), parse_keys(KEY))) as receiver:
        assert "db upgrade" in receiver.get("/health/ready").json()["detail"]
        assert receiver.post(f"/webhooks/bigcommerce/{STORE}", content=b"").status_code == 503
    engine.dispose()


def test_a_receiver_on_a_good_ledger_is_ready(receiver: httpx.Client):
    assert receiver.get("/health/ready").status_code == 200


@pytest.mark.chaos
@pytest.mark.invariant("1.1")
async def test_every_event_acknowledged_by_a_receiver_that_is_killed_is_stored(commands: Commands, ledger: Ledger):
    Stores(ledger, parse_keys(KEY)).save(STORE, name="Shop", token="t", webhook_secret=SECRET)
    acknowledged: set[str] = set()
    enough = asyncio.Event()

    async def flood(connection: Sender, first: int) -> None:
        for number in range(first, 10_000_000, FLOOD):
            try:
                assert await connection.send(payload(STORE, number)) == 200
            except (OSError, asyncio.IncompleteReadError):
                return
            acknowledged.add(f"product-{number}")
            if len(acknowledged) >= 1000:
                enough.set()

    with running(commands) as (process, url):
        senders = [await Sender(url, STORE).open() for _ in range(FLOOD)]
        floods = [asyncio.create_task(flood(sender, number)) for number, sender in enumerate(senders, start=1)]
        async with asyncio.timeout(60):
            await enough.wait()
            process.kill()
            await asyncio.gather(*floods)
    stored = {row["key"] for row in rows(ledger)}
    assert len(acknowledged) >= 1000
    assert acknowledged <= stored


def test_the_command_ends_in_order_on_a_signal(commands: Commands, ledger: Ledger):
    Stores(ledger, parse_keys(KEY)).save(STORE, name="Shop", token="t", webhook_secret=SECRET)
    with (
        ThreadPoolExecutor(1) as senders,
        running(commands) as (process, url),
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        with held_up(ledger) as holder:
            last = senders.submit(post, client, 1)
            waiting_backend(holder)
            process.terminate()
        assert last.result(30) == 200  # under way when the signal came
        assert process.wait(30) == 0
        assert process.stdout.read() == ""
    assert len(rows(ledger)) == 1


def test_the_command_refuses_a_port_that_is_taken_and_starts_without_its_ledger(commands: Commands, unused_port: int):
    away = f"postgresql://someone:hidden@127.0.0.1:{unused_port}/ledger"
    with running(commands, DATABASE_URL=away) as (_, url):
        assert httpx.get(f"{url}/health/live").status_code == 200
        assert httpx.get(f"{url}/health/ready").status_code == 503
        port = str(make_url(url).port)
        line = commands("api", "--port", port).failed_in_one_line(2)
        assert f"cannot listen on 127.0.0.1:{port}: {os.strerror(98)}" in line
