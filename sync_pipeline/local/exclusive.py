"""Commands of which one at a time may run in a state directory: ``dev``, ``demo``.

The lock is the kernel's, so a killed command leaves nothing behind that keeps the next one out.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sync_pipeline.errors import UsageError
from sync_pipeline.local.processes import ProcessId, this_process
from sync_pipeline.local.state import StateDir, read_json, try_lock, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLL_SECONDS = 0.01


class Exclusive:
    """The right to be the only such command, while the context manager that gave it is open."""

    def __init__(self, file: Path) -> None:
        self._file = file
        process = this_process()
        self._told: dict[str, Any] = {"pid": process.pid, "started": process.started}
        write_json(self._file, self._told)

    def announce(self, **addresses: str) -> None:
        """Write down ``address``, where this command is reached, for the message that a second one gets.

        ``bigcommerce`` is the shop that it works with, for commands in the same folder.
        """
        self._told |= addresses
        write_json(self._file, self._told)


@contextmanager
def exclusive(state_dir: Path, name: str) -> Iterator[Exclusive]:
    """Be the only ``name`` of this state directory. Raises UsageError, naming the holder, when one already runs."""
    state = StateDir.at(state_dir)
    state.create()
    lock = _lock(state.commands / f"{name}.lock")
    if lock is None:
        holder = read_json(state.commands / f"{name}.json") or {}
        where = ", ".join(str(word) for word in (holder.get("address"), f"pid {holder.get('pid', 'unknown')}") if word)
        raise UsageError(f"{name} already runs in {state.path} ({where}); use it, or stop it with Ctrl-C there")
    try:
        yield Exclusive(state.commands / f"{name}.json")
    finally:
        os.close(lock)


def _lock(file: Path) -> int | None:
    """Lock the file unless a command holds it; one that only looks who does (`holders`) is waited for."""
    while (lock := try_lock(file)) is None:
        look = try_lock(file, shared=True)
        if look is None:
            return None
        os.close(look)
        time.sleep(_POLL_SECONDS)
    return lock


def holders(state: StateDir) -> dict[str, ProcessId]:
    """Returns the commands that run exclusively now, by name."""
    return {name: ProcessId(holder["pid"], holder["started"]) for name, holder in _held(state).items()}


def announced(state: StateDir, what: str) -> str | None:
    """Returns an address that a command which runs exclusively now has announced, None when none has."""
    return next((holder[what] for holder in _held(state).values() if what in holder), None)


def _held(state: StateDir) -> dict[str, dict[str, Any]]:
    """Returns what the commands that run exclusively now wrote down, by name."""
    found = {}
    for file in sorted(state.commands.glob("*.json")):
        holder = read_json(file) or {}
        lock = try_lock(file.with_suffix(".lock"), shared=True)
        if lock is not None:
            os.close(lock)
        elif "started" in holder:
            found[file.stem] = holder
    return found
