"""Processes by identity, not by number: is it still the one that was started, and how is it ended within a bound.

A process number is used again after its process ended, so everything that signals a process written down earlier checks
its start time too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_POLL = 0.02
#: Present on Linux, where a container may have no ``ps``.
_PROC = Path("/proc/self/stat")


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process number with the start time of its process, in the system's own words."""

    pid: int
    started: str

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return start_time(self.pid) == self.started


def this_process() -> ProcessId:
    """The identity of the calling process; it stays the same over exec."""
    return ProcessId(os.getpid(), start_time(os.getpid()) or "")


def start_time(pid: int) -> str | None:
    """When the process started, as an opaque word that differs between boots; None when no such process runs."""
    if _PROC.exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        # proc(5): the name in parentheses may hold anything; after it, field 3 is the state and field 22 the start.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in {"Z", "X"} else f"{_boot()}:{fields[19]}"
    state, _, started = _ps("-o", "stat=,lstart=", "-p", str(pid)).strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def titled(words: str) -> list[ProcessId]:
    """The running processes whose title, as ``ps`` shows it, contains these words; never the calling one."""
    if _PROC.exists():
        pids = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
        titles = {pid: _command_line(pid) for pid in pids}
    else:
        lines = (line.split(maxsplit=1) for line in _ps("-axo", "pid=,args=").splitlines())
        titles = {int(line[0]): line[-1] for line in lines}
    found = [(pid, start_time(pid)) for pid, title in titles.items() if words in title and pid != os.getpid()]
    return [ProcessId(pid, started) for pid, started in found if started]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _ps(*arguments: str) -> str:
    return subprocess.run(  # noqa: S603 (a fixed program)
        ["/bin/ps", *arguments], capture_output=True, text=True, timeout=10, check=False
    ).stdout


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def signal_group(pid: int, number: int) -> None:
    """Signal what is left of the process group that ``pid`` led, if anything."""
    # PermissionError is macOS' answer for a group of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


@dataclass(frozen=True, slots=True)
class Ending:
    """How to end one process: the signal that asks, the seconds before SIGKILL ends it and the group it leads."""

    process: ProcessId
    signal: int = signal.SIGTERM
    seconds: float = 10.0


def end_all(endings: Iterable[Ending]) -> list[ProcessId]:
    """Ask all processes that still run to end, wait, kill what outlives its bound. Returns those that ran."""
    running = [ending for ending in endings if ending.process.alive()]
    for ending in running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(ending.process.pid, ending.signal)
    began = time.monotonic()
    left = list(running)
    while left:
        time.sleep(_POLL)
        for ending in list(left):
            if not ending.process.alive():
                signal_group(ending.process.pid, signal.SIGKILL)
                left.remove(ending)
            elif time.monotonic() - began > ending.seconds:
                signal_group(ending.process.pid, signal.SIGKILL)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(ending.process.pid, signal.SIGKILL)
    return [ending.process for ending in running]
