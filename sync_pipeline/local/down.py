"""Stop everything that runs in a state directory: what ``sync-pipeline down`` does."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

from sync_pipeline.local.children import end_orphans
from sync_pipeline.local.exclusive import holders
from sync_pipeline.local.processes import Ending, ProcessId, end_all
from sync_pipeline.local.state import StateDir, try_lock
from sync_pipeline.local.status import read_status

if TYPE_CHECKING:
    from pathlib import Path

_POLL_SECONDS = 0.03
_COMMAND_SECONDS = 45.0


def stop_all(state_dir: Path, *, timeout: float = 90.0) -> list[str]:
    """End ``dev`` and ``demo``, the supervisor, all its services, and what a killed supervisor left running.

    Waits until all have ended; what does not end by itself is killed, the supervisor after ``timeout`` seconds. Returns
    the names of what ran, in no order that matters. Raises UsageError when the directory is closed to this user.
    """
    state = StateDir.at(state_dir)
    if not state.exists():
        return []
    commands = {name: process for name, process in holders(state).items() if process.pid != os.getpid()}
    endings = [Ending(process, signal.SIGTERM, _COMMAND_SECONDS) for process in commands.values()]
    running = end_all(endings)
    names = [name for name, process in commands.items() if process in running]
    asked: set[ProcessId] = set()
    deadline = time.monotonic() + timeout
    # Whoever holds this lock is the supervisor; when it is ours there is none, nor can one start meanwhile.
    while (lock := try_lock(state.lock)) is None:
        status = read_status(state)
        if status and status.process not in asked:
            asked.add(status.process)
            names += [name for name, service in status.services.items() if service.pid]
            with contextlib.suppress(ProcessLookupError):
                os.kill(status.process.pid, signal.SIGTERM)
        if status and time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(status.process.pid, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
    try:
        names += end_orphans(state)
    finally:
        os.close(lock)
    return list(dict.fromkeys(names))
