"""`python -m sync_pipeline_tests.benchmarks.receiver`: how many events a second one receiver stores and acknowledges.

The receiver is a process on an own embedded PostgreSQL; the load comes from another process (receiver_load.py).
All of them share the machine's cores: the figures are this machine's and today's.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import func, select

from sync_pipeline.batches.database import make_engine
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.schema import upgrade
from sync_pipeline.batches.secrets import new_key_entry, parse_keys
from sync_pipeline.local.engines import Engines
from sync_pipeline.pipelines.store_search.events.models import WebhookEvent
from sync_pipeline.pipelines.store_search.stores.stores import Stores
from sync_pipeline_tests.api.bigcommerce.senders import SECRET
from sync_pipeline_tests.benchmarks.processes import cpu_seconds, idle_seconds
from sync_pipeline_tests.benchmarks.receiver_load import STORE
from sync_pipeline_tests.commands import Commands

WARM_UP_SECONDS = 3.0


def bench(
    connections: Annotated[int, typer.Option(help="Requests under way at a time.")] = 20,
    rate: Annotated[int, typer.Option(help="Requests a second to keep to; 0: as many as are answered.")] = 0,
    seconds: float = 10.0,
    duplicates: Annotated[bool, typer.Option(help="The same event again and again.")] = False,
) -> None:
    """Sends events for so many SECONDS, after a warm-up."""
    key = new_key_entry("bench")
    with (
        tempfile.TemporaryDirectory() as folder,
        Engines.open(Path(folder) / "state", owner="bench", idle=0) as engines,
    ):
        url = engines.url("postgres")
        engine = make_engine(url)
        upgrade(engine)
        Stores(Ledger(engine), parse_keys(key)).save(STORE, name="Shop", token="t", webhook_secret=SECRET)
        engine.dispose()
        commands = Commands(Path(folder), {"DATABASE_URL": url, "SYNC_PIPELINE_SECRET_KEYS": key})
        receiver = commands.start("api", "--port", "0")
        try:
            assert receiver.stdout is not None
            address = receiver.stdout.readline().split()[-1]
            _load(commands, address, connections, rate, WARM_UP_SECONDS, first=1)
            warm = _stored(url)
            cpu, idle, load = cpu_seconds(receiver.pid), idle_seconds(), os.getloadavg()[0]
            measured = _load(commands, address, connections, rate, seconds, first=10**9, duplicates=duplicates)
            cpu, idle = cpu_seconds(receiver.pid) - cpu, idle_seconds() - idle
        finally:
            receiver.terminate()
            receiver.wait()
        rows, received = (after - before for after, before in zip(_stored(url), warm, strict=True))
        engines.stop()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load before {load:.2f}")
    print(f"{connections} connections, {f'{rate} requests/s asked for' if rate else 'as fast as they are answered'}")
    for name, value in {
        "requests/s": f"{measured['requests'] / measured['seconds']:.0f}",
        "p50, p99, longest (ms)": ", ".join(f"{measured[name] * 1000:.1f}" for name in ("p50", "p99", "longest")),
        "answers other than 200": measured["refused"],
        "rows stored, deliveries that they count": f"{rows}, {received} of {measured['requests']}",
        "CPU of the receiver per 1,000 events (s)": f"{cpu / measured['requests'] * 1000:.2f}",
        "idle share of all cores (with the load's own start)": f"{idle / measured['wall'] / (os.cpu_count() or 1):.0%}",
    }.items():
        print(f"  {name:<52} {value}")


def _stored(url: str) -> tuple[int, int]:
    """How many events the ledger has, and how many deliveries they count."""
    engine = make_engine(url)
    with Ledger(engine).session() as session:
        rows, received = session.execute(select(func.count(), func.sum(WebhookEvent.received))).one()
    engine.dispose()
    return rows, received


def _load(
    commands: Commands,
    address: str,
    connections: int,
    rate: int,
    seconds: float,
    *,
    first: int,
    duplicates: bool = False,
) -> Any:
    began = time.monotonic()
    words = [str(word) for word in (address, connections, rate, seconds, first)]
    words += ["--duplicates"] if duplicates else []
    done = subprocess.run(
        [sys.executable, "-m", "sync_pipeline_tests.benchmarks.receiver_load", *words],
        env=commands.environment(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return {**json.loads(done.stdout), "wall": time.monotonic() - began}


if __name__ == "__main__":
    typer.run(bench)
