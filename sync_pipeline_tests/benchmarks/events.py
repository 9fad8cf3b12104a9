"""`python -m sync_pipeline_tests.benchmarks.events [RATE:SECONDS…]`: from an edit at the shop to a search.

Everything runs as `dev` runs it: receiver, sensors, drain; the shop is a sandbox of its own. Edits come at a steady
rate, each is timed until a search of the store's alias shows it (looked at ten times a second). ELASTICSEARCH_URL names
the search cluster; the embedded one measures itself. With `--rebuild RATE` the store has 20,000 products, and a full
batch runs while they are edited; in the end nothing may be left for an incremental batch to do.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import httpx
import typer

from sync_pipeline.local.engines import running
from sync_pipeline.sandboxes.bigcommerce.admin_client import SandboxAdmin
from sync_pipeline_tests.benchmarks.processes import cpu_seconds
from sync_pipeline_tests.chaos.living_dev import running_dev
from sync_pipeline_tests.commands import Commands
from sync_pipeline_tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

PRODUCTS, MANY_PRODUCTS = 2_000, 20_000
STORE = "benchevents"
LOOK_SECONDS = 0.1
#: How long after the last edit it may take.
LATEST_SECONDS = 60.0
RATES = ["1:300", "20:180", "200:180"]


class Watch:
    """When each edit was made, and when a search first showed it or a later one of the same product."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self._made: dict[int, list[tuple[int, float]]] = {}
        self._lock = threading.Lock()
        self.seconds: list[float] = []
        self.searches = self.failed = 0
        self.over = threading.Event()

    def made(self, product: int, number: int, at: float) -> None:
        with self._lock:
            self._made.setdefault(product, []).append((number, at))

    @property
    def waiting(self) -> int:
        with self._lock:
            return sum(map(len, self._made.values()))

    def run(self) -> None:
        while not self.over.wait(LOOK_SECONDS):
            with self._lock:
                wanted = [f"product-{number}" for number in self._made]
            for start in range(0, len(wanted), 500):
                self._look(wanted[start : start + 500])

    def _look(self, keys: list[str]) -> None:
        body = {"query": {"ids": {"values": keys}}, "size": len(keys), "_source": ["name"]}
        answer = self._http.post(f"/store-{STORE}-products/_search", json=body)
        now = time.monotonic()
        self.searches += 1
        if answer.status_code != 200:
            self.failed += 1
            return
        hits = answer.json()["hits"]["hits"]
        with self._lock:
            for hit in hits:
                product, shown = int(hit["_id"].partition("-")[2]), hit["_source"]["name"].rpartition(" ")[2]
                edits = self._made.get(product, [])
                if not shown.isdecimal() or not hit["_source"]["name"].startswith("Edit "):
                    continue
                self.seconds += [now - at for number, at in edits if number <= int(shown)]
                left = [(number, at) for number, at in edits if number > int(shown)]
                if left:
                    self._made[product] = left
                else:
                    self._made.pop(product, None)


def main(rates: Annotated[list[str] | None, typer.Argument()] = None, rebuild: float = 0.0) -> None:
    """Benchmarks each RATE (edits per second) for so many SECONDS."""
    products = MANY_PRODUCTS if rebuild else PRODUCTS
    with tempfile.TemporaryDirectory() as folder, _sandbox(products) as shop:
        given = {"BIGCOMMERCE_API_URL": shop}
        if url := os.environ.get("ELASTICSEARCH_URL"):
            given["ELASTICSEARCH_URL"] = url
        commands = Commands(Path(folder), given)
        with running_dev(commands) as dev:
            exports = commands("env", "--json").json()
            print(f"{platform.machine()}, {os.cpu_count()} cores, {exports['ELASTICSEARCH_URL']}", flush=True)
            told = commands("stores", "add", STORE, "--token-stdin", "--no-schedules", stdin=f"{STORE}-token\n")
            assert told.status == 0, told
            assert commands("sync", "run", "--store", STORE).status == 0
            assert commands("webhooks", "register", "--store", STORE, "--url", dev.receiver).status == 0
            with SandboxAdmin(shop) as admin:
                if rebuild:
                    _rebuild(commands, admin, exports["ELASTICSEARCH_URL"], rebuild)
                    rates = []
                for rate in RATES if rates is None else rates:
                    per_second, _, seconds = rate.partition(":")
                    _bench(commands, admin, exports["ELASTICSEARCH_URL"], float(per_second), float(seconds))
            commands("stores", "remove", STORE, "--delete-indices")


def _bench(commands: Commands, admin: SandboxAdmin, url: str, rate: float, seconds: float) -> None:
    watch = Watch(url)
    before = _cpu(commands)
    count = round(rate * seconds)
    with ThreadPoolExecutor(5) as threads:
        looking = threads.submit(watch.run)
        began = time.monotonic()
        edits = []
        for number in range(count):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            edits.append(threads.submit(_edit, admin, watch, number))
        for edit in edits:
            edit.result()
        took = time.monotonic() - began
        wait_for(lambda: not watch.waiting or looking.done(), what="the last edit", seconds=LATEST_SECONDS)
        watch.over.set()
        looking.result()
    after = _cpu(commands)
    cpu = sum(after[pid] - before.get(pid, 0.0) for pid in after)
    found = sorted(watch.seconds)
    assert len(found) == count, f"{count - len(found)} edits were never shown"
    print(
        f"{count / took:6.1f} edits/s for {took:.0f} s: p50 {found[len(found) // 2]:.2f} s, "
        f"p99 {found[int(len(found) * 0.99)]:.2f} s, longest {found[-1]:.2f} s; "
        f"{1000 * cpu / count:.1f} CPU-s per 1,000 edits",
        flush=True,
    )


def _rebuild(commands: Commands, admin: SandboxAdmin, url: str, rate: float) -> None:
    watch = Watch(url)
    number = 0
    with ThreadPoolExecutor(6) as threads:
        looking = threads.submit(watch.run)
        building = threads.submit(commands, "sync", "run", "--store", STORE, "--json", timeout=600)
        began = time.monotonic()
        while not building.done():
            threads.submit(_edit, admin, watch, number, MANY_PRODUCTS)
            number += 1
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
        took = time.monotonic() - began
        built = building.result()
        assert built.status == 0, built
        wait_for(lambda: not watch.waiting or looking.done(), what="the last edit", seconds=LATEST_SECONDS)
        watch.over.set()
        looking.result()
    missed = number - len(watch.seconds)
    dry_run = ("sync", "run", "--store", STORE, "--type", "product", "--mode", "incremental", "--dry-run", "--json")
    [left] = commands(*dry_run).json()
    found = sorted(watch.seconds)
    print(
        f"{MANY_PRODUCTS} products rebuilt in {took:.0f} s under {number / took:.0f} edits/s: {missed} of {number} "
        f"missed, p99 {found[int(len(found) * 0.99)]:.2f} s; {watch.failed} of {watch.searches} searches failed; an "
        f"incremental batch would create {left['create']}, update {left['update']}, delete {left['delete']}",
        flush=True,
    )


def _edit(admin: SandboxAdmin, watch: Watch, number: int, products: int = PRODUCTS) -> None:
    product = 1 + number % products
    at = time.monotonic()
    admin.update(STORE, "products", product, {"name": f"Edit {number}", "is_visible": True, "channels": [1]})
    watch.made(product, number, at)


def _cpu(commands: Commands) -> dict[int, float]:
    """The CPU seconds of the receiver and of the runs' processes, by process. Linux only."""
    status = running(commands.folder / "state")
    assert status is not None
    code_server = status.services["code_server"].pid
    children = [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and _parent(folder) == code_server
    ]
    return {pid: cpu_seconds(pid) for pid in [status.services["api"].pid or 0, *children]}


def _parent(folder: Path) -> int | None:
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


@contextmanager
def _sandbox(products: int) -> Iterator[str]:
    arguments = ("--port", "0", "--quota", "1000000", "--generate", f"{STORE}:1:{products}")
    process = subprocess.Popen(
        [sys.executable, "-m", "sync_pipeline.sandboxes.bigcommerce", *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    typer.run(main)
