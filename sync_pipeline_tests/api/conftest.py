"""A receiver on the test's ledger, with a real server and a store that has secrets."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from sync_pipeline.api.app import build_app
from sync_pipeline.api.server import address_of, build_server, listen
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.secrets import new_key_entry, parse_keys
from sync_pipeline.pipelines.store_search.stores.stores import Stores
from sync_pipeline_tests.api.bigcommerce.senders import SECRET
from sync_pipeline_tests.commands import Commands
from sync_pipeline_tests.waiting import wait_for

STORE = "abc123"
KEY = new_key_entry("k1")


@contextmanager
def serving(stores: Stores, monotonic: Callable[[], float] = time.monotonic) -> Iterator[httpx.Client]:
    """A client of a receiver that runs in a thread of this process, on that clock."""
    listener = listen("127.0.0.1", 0)
    server = build_server(build_app(stores, monotonic=monotonic))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    wait_for(lambda: server.started, what="the receiver")
    try:
        with httpx.Client(base_url=address_of(listener), timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()


@pytest.fixture
def stores(ledger: Ledger) -> Stores:
    return Stores(ledger, parse_keys(KEY))


@pytest.fixture
def store(stores: Stores) -> str:
    stores.save(STORE, name="Shop", token="the-token", webhook_secret=SECRET, client_secret="the-client-secret")
    return STORE


@pytest.fixture
def receiver(stores: Stores) -> Iterator[httpx.Client]:
    with serving(stores) as client:
        yield client


@pytest.fixture
def commands(ledger: Ledger, tmp_path: Path) -> Commands:
    url = ledger.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return Commands(tmp_path, {"DATABASE_URL": url, "SYNC_PIPELINE_SECRET_KEYS": KEY})


@contextmanager
def running(commands: Commands, **more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`sync-pipeline api` as a process of its own, and its address."""
    process = commands.start("api", "--port", "0", **more)
    try:
        said = process.stdout.readline()
        found = re.fullmatch(r"listening on (http://\S+)\n", said)
        assert found is not None, said
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


def rows(ledger: Ledger) -> list[dict]:
    """The events that are stored, oldest first."""
    with ledger.engine.connect() as connection:
        found = connection.execute(text("SELECT * FROM sync_pipeline.webhook_events ORDER BY id"))
        return [dict(row) for row in found.mappings()]
