"""`make bench`: generated stores into the search cluster that ELASTICSEARCH_URL names, from end to end.

Prints one table for each store. The floor is measured in the same run; absolute numbers are this machine's and today's.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import typer

from sync_pipeline.local.engines import Engines
from sync_pipeline.sandboxes.bigcommerce.admin_client import SandboxAdmin
from sync_pipeline.sandboxes.bigcommerce.generated_content import generated_catalog
from sync_pipeline_tests.benchmarks.bulk_floor import bulk_floor
from sync_pipeline_tests.benchmarks.processes import cpu_seconds, idle_seconds, measure, newest_batch
from sync_pipeline_tests.commands import Commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sync_pipeline_tests.benchmarks.processes import Measured

#: Full batches and floor passes that are measured, in turns, after one discarded each.
ROUNDS = 3
DELETED = 1000
SEED = 1
SMALL, SMALL_PRODUCTS = "benchsmall", 50


@dataclass(frozen=True)
class Shop:
    """The running sandbox: where it listens, and its process."""

    url: str
    pid: int


@dataclass(frozen=True)
class Round:
    """A full batch and the pass over the floor that followed it."""

    command: Measured
    stats: dict[str, Any]
    floor: float
    sandbox_cpu: float
    idle: float

    @property
    def rate(self) -> float:
        """Documents per second of the import."""
        return self.stats["written"] / self.stats["seconds"]


def main(products: list[int]) -> None:
    """Benchmarks full and incremental batches for stores of so many PRODUCTS each, and a small batch of everything."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Engines.open(Path(folder) / "state", owner="bench", idle=0) as engines,
    ):
        url = os.environ.get("ELASTICSEARCH_URL") or engines.url("elasticsearch")
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {url}")
        with running_sandbox(products) as shop:
            commands = Commands(Path(folder), {"ELASTICSEARCH_URL": url, "BIGCOMMERCE_API_URL": shop.url})
            show(f"a batch of everything, {SMALL_PRODUCTS} products", _bench_small(commands))
            for number in products:
                show(f"{number} products", _bench(commands, shop, url, number))
        engines.stop()


def _bench_small(commands: Commands) -> dict[str, str]:
    """Where the time of a small batch goes."""
    add_store(commands, SMALL)
    command = measure(commands, "sync", "run", "--store", SMALL, module="sync_pipeline_tests.benchmarks.timed_steps")
    intervals = json.loads(command.out.splitlines()[-1])
    first, last = intervals[0][0], intervals[-1][1]
    work = sum(end - start for start, end in intervals)
    remove_store(commands, SMALL)
    return {
        "run start: the command until the first step works (s)": f"{first - command.started:.1f}",
        "steps: around and between the work of four (s)": f"{last - first - work:.1f}",
        "work: reading, indexing, publishing (s)": f"{work:.1f}",
        "end: closing, reporting (s)": f"{command.started + command.wall - last:.1f}",
    }


def _bench(commands: Commands, shop: Shop, url: str, number: int) -> dict[str, str]:
    store, admin = f"bench{number}", SandboxAdmin(shop.url)
    add_store(commands, store)
    batch = ("sync", "run", "--store", store, "--type")
    start = measure(commands, *batch, "synonyms")
    measure(commands, *batch, "product")
    with bulk_floor(url, store) as floor:
        floor()
        admin.reset_counters(store)
        rounds = [_round(commands, shop, floor, *batch, "product") for _ in range(ROUNDS)]
    calls = admin.counters(store).total() // ROUNDS
    admin.reset_counters(store)
    nothing = measure(commands, *batch, "product", "--mode", "incremental")
    nothing_calls = admin.counters(store).total()
    unchanged = newest_batch(commands)["counts"]["products"]
    for product in _visible(store, number)[:DELETED]:
        admin.delete(store, "products", product)
    deletes = measure(commands, *batch, "product", "--mode", "incremental", "--confirm-deletes")
    gone = newest_batch(commands)["counts"]["products"]
    remove_store(commands, store)
    stats = rounds[-1].stats
    pace = median(each.stats["read"] / each.stats["seconds"] for each in rounds)
    ratios = sorted(each.rate / each.floor for each in rounds)
    return {
        "products read, documents written": f"{stats['read']}, {stats['written']}",
        "products/s end to end (import)": f"{pace:.0f}",
        "documents/s end to end (import)": f"{median(each.rate for each in rounds):.0f}",
        "documents/s raw _bulk floor": f"{median(each.floor for each in rounds):.0f}",
        "ratio to the floor: median (lowest to highest)": f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        "own CPU per product, without the run's start (µs)": (
            f"{median(each.command.cpu - start.cpu for each in rounds) / number * 1e6:.0f}"
        ),
        "CPU of the sandbox per product (µs)": f"{median(each.sandbox_cpu for each in rounds) / number * 1e6:.0f}",
        "idle share of all cores during the command": f"{median(each.idle for each in rounds):.0%}",
        "own CPU, wall of a run's start and end (s)": f"{start.cpu:.1f}, {start.wall:.1f}",
        "peak memory of the run (MB)": f"{max(each.command.peak_mb for each in rounds):.0f}",
        "BigCommerce calls, full": str(calls),
        "wall of the whole command (s)": f"{median(each.command.wall for each in rounds):.1f}",
        "no-change incremental: wall, import (s), calls": (
            f"{nothing.wall:.1f}, {unchanged['seconds']:.1f}, {nothing_calls}"
        ),
        f"{gone['deleted']} deletes, incremental: wall, import (s)": f"{deletes.wall:.1f}, {gone['seconds']:.1f}",
    }


def _round(commands: Commands, shop: Shop, floor: Callable[[], float], *words: str) -> Round:
    sandbox, idle = cpu_seconds(shop.pid), idle_seconds()
    command = measure(commands, *words)
    sandbox, idle = cpu_seconds(shop.pid) - sandbox, idle_seconds() - idle
    stats = newest_batch(commands)["counts"]["products"]
    return Round(command, stats, floor(), sandbox, idle / command.wall / (os.cpu_count() or 1))


def _visible(store: str, number: int) -> list[int]:
    """The ids of the products that a batch indexes."""
    products = generated_catalog(store, seed=SEED, products=number).products
    made = (products.get(one, ("channels",)) for one in products.ids)
    return [product["id"] for product in made if product["is_visible"] and product["channels"]]


def add_store(commands: Commands, store: str) -> None:
    added = commands("stores", "add", store, "--token-stdin", stdin=f"{store}-token\n")
    assert added.status == 0, added.error


def remove_store(commands: Commands, store: str) -> None:
    commands("stores", "remove", store, "--delete-indices")


def show(title: str, rows: dict[str, str]) -> None:
    print(f"\n{title}")
    for name, value in rows.items():
        print(f"  {name:<55} {value}", flush=True)


@contextmanager
def running_sandbox(products: list[int]) -> Iterator[Shop]:
    """A shop with the stores to be benchmarked, which keeps its products ready-made, as one on another machine would
    cost nothing here.
    """
    stores = [(SMALL, SMALL_PRODUCTS), *((f"bench{number}", number) for number in products)]
    generate = [word for store, number in stores for word in ("--generate", f"{store}:{SEED}:{number}")]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "sync_pipeline.sandboxes.bigcommerce", "--port", "0"),
            *("--quota", "1000000", "--ready-made", *generate),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Shop(process.stdout.readline().split('"url":"')[1].split('"')[0], process.pid)
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    typer.run(main)
