"""Start-up: CPU-seconds of commands that need little, and how soon `sync run` asks the shop for the first time.

`python -m sync_pipeline_tests.benchmarks.start_up`. The floor of `sync run` is what Python takes to import Dagster, its
PostgreSQL storage and Elasticsearch's client; both are measured in turns.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread
from typing import TYPE_CHECKING

import typer

from sync_pipeline.local.embedded import DATABASES
from sync_pipeline.local.engines import Engines
from sync_pipeline_tests.benchmarks.full_import import SMALL, add_store, running_sandbox, show
from sync_pipeline_tests.benchmarks.processes import cpu_seconds
from sync_pipeline_tests.commands import Commands

if TYPE_CHECKING:
    from collections.abc import Iterator

FLOOR = ("-c", "import dagster, dagster_postgres, elasticsearch")
BARE = ("-c", "pass")
COMMAND = ("-m", "sync_pipeline.cli")
LIGHT = (
    ("--help",),
    ("stores", "list"),
    ("batches", "list"),
    ("schedules", "list"),
    ("dead-letters", "list"),
    ("batches", "stats"),
    ("sync", "run", "--help"),
    ("down", "--help"),
)
RUN = ("sync", "run", "--store", SMALL, "--type", "product")


def main(rounds: int = 7) -> None:
    """Benchmarks the start of commands, the median of so many ROUNDS each."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Engines.open(Path(folder) / "state", owner="bench", idle=0) as engines,
        running_sandbox([]) as shop,
        refusing_shop() as (refusing, asked),
    ):
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
        given = {
            "ELASTICSEARCH_URL": os.environ.get("ELASTICSEARCH_URL") or engines.url("elasticsearch"),
            "DATABASE_URL": engines.url("postgres"),
            "DAGSTER_DATABASE_URL": engines.url("postgres", DATABASES[1]),
            "BIGCOMMERCE_API_URL": shop.url,
        }
        commands = Commands(Path(folder), given)
        commands("db", "upgrade")
        add_store(commands, SMALL)
        refused = Commands(commands.folder, {**given, "BIGCOMMERCE_API_URL": refusing})
        pairs = [(spent(commands, *FLOOR), until_asked(refused, asked)) for _ in range(rounds)]
        show(
            "sync run until its first request to the shop, beside importing what it needs",
            {
                "imports: wall, CPU (s)": _seconds([floor for floor, _ in pairs]),
                "sync run: wall, CPU (s)": _seconds([run for _, run in pairs]),
                "ratio: wall, CPU": " and ".join(
                    f"{median(run[at] / floor[at] for floor, run in pairs):.2f}" for at in (0, 1)
                ),
            },
        )
        rows = {"python -c pass": _seconds([spent(commands, *BARE) for _ in range(rounds)])}
        for words in LIGHT:
            rows[" ".join(words)] = _seconds([spent(commands, *COMMAND, *words) for _ in range(rounds)])
        show("commands that need neither Dagster nor a vendor's client: wall, CPU (s)", rows)
        engines.stop()


def _seconds(measured: list[tuple[float, float]]) -> str:
    return ", ".join(f"{median(each[at] for each in measured):.2f}" for at in (0, 1))


def spent(commands: Commands, *words: str) -> tuple[float, float]:
    """Wall and CPU seconds of Python with these words."""
    started = time.monotonic()
    process = _started(commands, *words)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime


def until_asked(commands: Commands, asked: Asked) -> tuple[float, float]:
    """Wall and CPU seconds of `sync run` when its first request comes to the shop, which refuses it."""
    asked.clear()
    started = time.monotonic()
    process = _started(commands, *COMMAND, *RUN)
    asked.watched = process.pid
    process.wait()
    first, cpu = asked.first
    return first - started, cpu


def _started(commands: Commands, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=commands.folder,
        env=commands.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


class Asked:
    """When the shop was asked first (monotonic), and the CPU seconds of who asked until then."""

    watched = 0

    def clear(self) -> None:
        self._first: tuple[float, float] | None = None

    @property
    def first(self) -> tuple[float, float]:
        assert self._first is not None, "the shop was not asked"
        return self._first

    def note(self) -> None:
        if self._first is None:
            self._first = time.monotonic(), cpu_seconds(self.watched)


@contextmanager
def refusing_shop() -> Iterator[tuple[str, Asked]]:
    """A shop that refuses every token, its URL, and what it noted."""
    asked = Asked()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _refusal(asked.note))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()


def _refusal(note: Callable[[], None]) -> type[BaseHTTPRequestHandler]:
    class Refusal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            note()
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Says nothing."""

    return Refusal


if __name__ == "__main__":
    typer.run(main)
