"""Commands as measured processes: wall time, own CPU time and peak memory, without the servers that they talk to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sync_pipeline_tests.commands import Commands

COMMAND_LINE = "sync_pipeline.cli"


@dataclass(frozen=True)
class Measured:
    """One command: when it was started (monotonic), seconds on the wall, CPU seconds of the process itself, its peak
    memory in MB (or the benchmark's own, if that is more), what it printed.
    """

    started: float
    wall: float
    cpu: float
    peak_mb: float
    out: str


def measure(commands: Commands, *words: str, module: str = COMMAND_LINE) -> Measured:
    """Runs `sync-pipeline WORDS`. Raises RuntimeError, with what it said, unless it ends with 0."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=commands.folder,
        env=commands.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(out)
    return Measured(started, time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out)


def newest_batch(commands: Commands) -> dict[str, Any]:
    """The batch that ran last, from the ledger."""
    return json.loads(commands("batches", "list", "--json", "--limit", "1").out)[0]


def cpu_seconds(pid: int) -> float:
    """The CPU seconds that a living process has taken. Linux only."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle_seconds() -> float:
    """The seconds that the machine's cores had nothing to do, all together, since it started. Linux only."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")
