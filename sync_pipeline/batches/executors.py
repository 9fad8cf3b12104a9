"""Which process executes a batch, written with its claim: whether it lives, and how it is ended.

A run is executed by one process. Where that is on this machine, it can be told from one that is dead, whatever the
signs of life say; elsewhere only time tells.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass

import psutil

from sync_pipeline.local.processes import ProcessId, this_process

#: What a process may take to be gone after it was killed. One that waits for a broken disk does not go.
KILL_SECONDS = 2.0
_FROZEN = {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP}


@dataclass(frozen=True, slots=True)
class Executor:
    """A process of a machine; as text ``host pid started``."""

    host: str
    process: ProcessId

    @classmethod
    def this(cls) -> Executor:
        """Returns the calling process."""
        return cls(socket.gethostname(), this_process())

    @classmethod
    def parse(cls, text: str | None) -> Executor | None:
        """Returns the process that the text names; None for none, and for what is no such text."""
        words = (text or "").split(" ")
        if len(words) != 3 or not words[1].isdecimal():
            return None
        return cls(words[0], ProcessId(int(words[1]), words[2]))

    def __str__(self) -> str:
        return f"{self.host} {self.process.pid} {self.process.started}"

    def lives_here(self) -> bool:
        """Returns whether it runs on this machine, and is not the calling process."""
        return self.host == socket.gethostname() and self.process.alive() and self.process != this_process()

    def is_frozen(self) -> bool:
        """Returns whether somebody has stopped it (SIGSTOP, a debugger): it answers nothing until it is continued."""
        with suppress(psutil.Error):
            return psutil.Process(self.process.pid).status() in _FROZEN
        return False

    def kill(self) -> bool:
        """Ends the process without asking it; returns whether it is gone."""
        try:
            process = psutil.Process(self.process.pid)
            if self.process.alive():
                process.kill()
            process.wait(KILL_SECONDS)
        except psutil.NoSuchProcess:
            return True
        except (psutil.TimeoutExpired, psutil.AccessDenied):
            return not self.process.alive()
        return True
