"""`make bench`: generated stores into the search cluster that ELASTICSEARCH_URL names, from end to end.

Prints one table. The floor is measured in the same run; absolute numbers are this machine's and today's.
"""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sync_pipeline.local.bigcommerce.admin_client import SandboxAdmin
from sync_pipeline.local.engines import Engines
from sync_pipeline_tests.benchmarks.bulk_floor import bulk_floor
from sync_pipeline_tests.benchmarks.processes import measure, newest_batch
from sync_pipeline_tests.commands import Commands

if TYPE_CHECKING:
    from collections.abc import Iterator

DELETED = 1000


def main(products: list[int]) -> None:
    """Benchmarks full and incremental batches for stores of so many PRODUCTS each."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Engines.open(Path(folder) / "state", owner="bench", idle=0) as engines,
    ):
        url = os.environ.get("ELASTICSEARCH_URL") or engines.elasticsearch_url()
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {url}")
        with _sandbox(products) as sandbox:
            commands = Commands(Path(folder), {"ELASTICSEARCH_URL": url, "BIGCOMMERCE_API_URL": sandbox})
            for number in products:
                _bench(commands, SandboxAdmin(sandbox), url, number)
        engines.stop()


def _bench(commands: Commands, admin: SandboxAdmin, url: str, number: int) -> None:
    store = f"bench{number}"
    added = commands("stores", "add", store, "--token-stdin", stdin=f"{store}-token\n")
    assert added.status == 0, added.error
    idle = measure(commands, "sync", "run", "--store", store, "--type", "synonyms")
    warm_up = measure(commands, "sync", "run", "--store", store, "--type", "product")
    admin.reset_counters(store)
    full = measure(commands, "sync", "run", "--store", store, "--type", "product")
    figures = newest_batch(commands)["counts"]["products"]
    calls = admin.counters(store).total()
    floor = asyncio.run(bulk_floor(url, store, datetime.now(UTC)))
    rate = figures["documents"] / figures["seconds"]
    admin.reset_counters(store)
    nothing = measure(commands, "sync", "run", "--store", store, "--type", "product", "--mode", "incremental")
    nothing_calls = admin.counters(store).total()
    # Generated ids begin at 1; hidden ones among them are not in the index.
    for product in range(1, DELETED + 1):
        admin.delete(store, "products", product)
    deletes = measure(
        commands,
        *("sync", "run", "--store", store, "--type", "product", "--mode", "incremental", "--confirm-deletes"),
    )
    gone = newest_batch(commands)["counts"]["products"]
    rows = {
        "products read, documents written": f"{figures['read']}, {figures['written']}",
        "products/s end to end (import)": f"{figures['read'] / figures['seconds']:.0f}",
        "documents/s end to end (import)": f"{rate:.0f}",
        "documents/s raw _bulk floor": f"{floor:.0f}",
        "ratio to the floor": f"{rate / floor:.2f}",
        "own CPU per product, without the run's start (µs)": f"{(full.cpu - idle.cpu) / figures['read'] * 1e6:.0f}",
        "own CPU of a run's start and end (s)": f"{idle.cpu:.1f}",
        "wall of a run's start and end (s)": f"{idle.wall:.1f}",
        "peak memory of the run (MB)": f"{full.peak_mb:.0f}",
        "BigCommerce calls, full": str(calls),
        "no-change incremental: wall (s), calls": f"{nothing.wall:.1f}, {nothing_calls}",
        f"{gone['deleted']} deletes, incremental: import (s)": f"{gone['seconds']:.1f}",
        "wall of the whole command: warm-up, full, deletes (s)": (
            f"{warm_up.wall:.1f}, {full.wall:.1f}, {deletes.wall:.1f}"
        ),
    }
    print(f"\n{number} products")
    for name, value in rows.items():
        print(f"  {name:<55} {value}")
    commands("stores", "remove", store, "--delete-indices")


@contextmanager
def _sandbox(products: list[int]) -> Iterator[str]:
    stores = [argument for number in products for argument in ("--generate", f"bench{number}:1:{number}")]
    process = subprocess.Popen(
        [sys.executable, "-m", "sync_pipeline.local.bigcommerce", "--port", "0", "--quota", "1000000", *stores],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split('"url":"')[1].split('"')[0]
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    typer.run(main)
