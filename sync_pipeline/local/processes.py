"""Processes by identity, not by number: is it still the one that was started, and how is it ended within a bound.

A process number is used again after its process ended, so everything that signals a process written down earlier checks
its start time too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

_POLL = 0.02
#: Linux' name of the present boot; absent elsewhere.
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process number with the start time of its process, in the system's own words."""

    pid: int
    started: str

    def alive(self) -> bool:
        """Returns whether this very process still runs (a zombie does not)."""
        return start_time(self.pid) == self.started


def this_process() -> ProcessId:
    """Returns the identity of the calling process; it stays the same over exec."""
    return ProcessId(os.getpid(), start_time(os.getpid()) or "")


def start_time(pid: int) -> str | None:
    """Return when the process started, as an opaque word that differs between boots; None when no such process runs."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            if process.status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}:
                return None
            created = process.create_time()
    except psutil.NoSuchProcess:
        return None
    boot = _boot()
    if not boot:
        return str(created)
    # Linux counts from the boot and psutil adds the boot's date, which moves when somebody sets the clock: without the
    # date the word stays the same for all who ask.
    return f"{boot}:{round((created - psutil.boot_time()) * os.sysconf('SC_CLK_TCK'))}"


def titled(words: str) -> list[ProcessId]:
    """Find the running processes whose title, as ``ps`` shows it, contains these words; never the calling one."""
    titles = {process.pid: " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])}
    found = [(pid, start_time(pid)) for pid, title in titles.items() if words in title and pid != os.getpid()]
    return [ProcessId(pid, started) for pid, started in found if started]


@cache
def _boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def another_listens(pid: int, port: int) -> bool:
    """Tell whether a port is known to be another program's: not the process's nor that of one that it started.

    False where nobody listens, or the system does not say who does (macOS asks for root, Linux for the same user).
    """
    try:
        sockets = psutil.net_connections("tcp")
        leader = psutil.Process(pid)
        family = {None, pid, *(child.pid for child in leader.children(recursive=True))}
    except (psutil.Error, OSError):
        return False
    owners = {one.pid for one in sockets if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port}
    return bool(owners) and owners.isdisjoint(family)


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
