"""Start a service's program so that it is found again whatever happens to the supervisor.

Each program writes down its own process number and start time before it becomes the program; a supervisor that follows
a killed one ends what is written there before it starts anything.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING, BinaryIO

from sync_pipeline.local.processes import Ending, ProcessId, end_all, this_process
from sync_pipeline.local.state import StateDir, read_json, write_json
from sync_pipeline.local.unprivileged import leave_root

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sync_pipeline.local.services import Service

_LOG_LIMIT, _TAIL = 5_000_000, 16_384
_ERROR = re.compile(r"(?:FATAL|PANIC|ERROR|[Ee]rror|Exception):")


def spawn(
    state: StateDir, service: Service, argv: Sequence[str], *, unprivileged: bool = False
) -> subprocess.Popen[bytes]:
    """Run ``argv`` for the service in a session of its own, its output appended to the service's log.

    Raises OSError when the program cannot be run, and SubprocessError when what precedes it fails in the new process.
    """
    supervisor = os.getpid()

    def become() -> None:
        write_record(state, service)
        if os.getppid() != supervisor:
            # The supervisor was killed meanwhile: its follower may not have seen the record.
            os._exit(1)
        if unprivileged:
            leave_root()

    with open_log(state.log(service.name)) as output:
        return subprocess.Popen(  # noqa: S603 (the command line is a wish of the same user)
            list(argv),
            env=dict(service.env),
            cwd=service.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=become,  # noqa: PLW1509 (the supervisor has one thread)
        )


def write_record(state: StateDir, service: Service) -> None:
    """Write down that the calling process is the service's, and how it is ended."""
    process = this_process()
    write_json(
        state.records / f"{service.name}.json",
        {
            "pid": process.pid,
            "started": process.started,
            "signal": int(service.stop_signal),
            "seconds": service.stop_seconds,
        },
    )


def forget(state: StateDir, name: str) -> None:
    """Remove the record of a service whose process ended."""
    (state.records / f"{name}.json").unlink(missing_ok=True)


def end_orphans(state: StateDir) -> list[str]:
    """End what a killed supervisor left running; the caller holds its lock. Returns the services' names."""
    endings: dict[str, Ending] = {}
    for file in sorted(state.records.glob("*.json")):
        if record := read_json(file):
            process = ProcessId(record["pid"], record["started"])
            endings[file.stem] = Ending(process, record["signal"], record["seconds"])
    ran = end_all(endings.values())
    for file in state.records.glob("*.json"):
        file.unlink(missing_ok=True)
    return [name for name, ending in endings.items() if ending.process in ran]


def open_log(log: Path) -> BinaryIO:
    """Returns the log, 0600, to append to."""
    return open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")  # noqa: PTH123 (opened with its mode)


def begin_log(log: Path) -> int:
    """Set a log that has grown too large aside; returns where in the log the next attempt will begin."""
    size = log.stat().st_size if log.exists() else 0
    if size <= _LOG_LIMIT:
        return size
    log.replace(log.with_suffix(".log.1"))
    return 0


def last_words(log: Path, *, since: int = 0) -> str:
    """Returns the line of the log that tells best why its program ended: the last one with an error, or else the last
    one.

    Looks only from the position ``since`` on. (PostgreSQL follows its error with hints, initdb with its cleaning up.)
    """
    try:
        with log.open("rb") as file:
            file.seek(max(since, log.stat().st_size - _TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    said = [line.strip() for line in reversed(lines) if line.strip()]
    errors = (line for line in said if _ERROR.search(line))
    return next(errors, said[0] if said else "")


def signal_name(number: int) -> str:
    """Returns the signal's name for a message."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
