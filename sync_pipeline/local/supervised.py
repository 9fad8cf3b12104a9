"""One service under supervision: a small state machine that is stepped, and never waits.

``waiting`` (for what it needs, or for the next attempt) → ``preparing`` → ``starting`` → ``ready``; a process that ends
by itself leads back to ``waiting``, or to ``failed`` when it does so too often. ``leaving`` is published before
``stopping``: a command that asks for the service in between is heard, and the service stays.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from sync_pipeline.backoff import Backoff
from sync_pipeline.local import ports
from sync_pipeline.local.children import begin_log, forget, last_words, signal_name, spawn
from sync_pipeline.local.processes import ProcessId, another_listens, signal_group, start_time
from sync_pipeline.local.readiness import is_ready

if TYPE_CHECKING:
    from sync_pipeline.local.services import Service
    from sync_pipeline.local.state import StateDir

#: A service that ends this often within the window is given up; fewer ends are enough if it never was ready.
_MOST_ENDS, _MOST_ENDS_BEFORE_READY, _WINDOW_SECONDS = 5, 3, 60.0
_RESTARTS = Backoff(first=0.1, jitter=0.0)


class Supervised:
    """A service, its process if it has one, and what became of it."""

    def __init__(self, state: StateDir, service: Service) -> None:
        self.service = service
        self.phase = "waiting"
        self.port = 0
        self.error = ""
        self._state = state
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: ProcessId | None = None
        self._ends: deque[float] = deque(maxlen=_MOST_ENDS)
        self._was_ready = False
        self._since = time.time()
        self._next_start = 0.0
        self._deadline = 0.0
        self._offset = 0

    def step(self, *, met: bool) -> None:
        """Do what can be done now towards being ready. ``met``: all that it needs is ready."""
        now = time.monotonic()
        match self.phase:
            case "waiting" if met and now >= self._next_start:
                self._start()
            case "preparing" | "starting" | "ready" if (status := self._ended()) is not None:
                self._after_end(status)
            case "starting" if self._probe():
                self._was_ready = True
                self._enter("ready")
            case "starting" | "preparing" if now > self._deadline:
                self._kill()
                self._give_up_or_wait(f"not ready after {self.service.start_seconds:g} s")
            case "leaving":
                self._enter("ready")

    def leave(self) -> None:
        """Take the next step towards being stopped: announce it, ask, insist."""
        match self.phase:
            case "ready":
                self._enter("leaving")
            case "stopping":
                if self._ended() is not None:
                    self._enter("stopped")
                elif time.monotonic() > self._deadline:
                    self._kill()
                    self._enter("stopped")
            case "waiting" | "failed":
                self._enter("stopped")
            case "leaving" | "preparing" | "starting":
                self.ask_to_stop()

    def ask_to_stop(self) -> None:
        """Send the stop signal, if there is a process that has not got it."""
        if self.phase == "stopping":
            return
        if self._process is None:
            self._enter("stopped")
            return
        number = signal.SIGTERM if self.phase == "preparing" else self.service.stop_signal
        self._process.send_signal(number)
        self._deadline = time.monotonic() + self.service.stop_seconds
        self._enter("stopping")

    def retry(self, service: Service) -> None:
        """Try a failed service again, as it is asked for now."""
        self.service = service
        self._ends.clear()
        self._next_start = 0.0
        self.error = ""
        self._enter("waiting")

    def fail(self, error: str) -> None:
        """Give the service up."""
        self.error = error
        self._enter("failed")

    @property
    def has_process(self) -> bool:
        """Whether a process of it runs, or has not been seen to end."""
        return self._process is not None

    def published(self) -> dict[str, Any]:
        """Returns what commands read about the service."""
        return {
            "state": self.phase,
            "pid": self._identity.pid if self._identity else None,
            "started": self._identity.started if self._identity else None,
            "port": self.port or None,
            "error": self.error,
            "log": str(self._state.log(self.service.name)),
            "since": self._since,
        }

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self._since = time.time()
        where = f" (pid {self._identity.pid}, port {self.port})" if self._identity else ""
        why = f": {self.error}" if self.error else ""
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._since))
        print(f"{when} {self.service.name} {phase}{where}{why}", flush=True)  # noqa: T201 (the supervisor's log)

    def _start(self) -> None:
        service = self.service
        self.error = ""
        try:
            self._offset = begin_log(self._state.log(service.name))
            if service.ready.kind != "alive":
                self.port = service.port or ports.port_of(self._state, service.name)
            if service.port and not ports.is_free(service.port):
                self.fail(f"port {service.port} on {ports.HOST} is taken by another program")
                return
            self._run(service.prepare or service.argv, unprivileged=service.unprivileged and not service.prepare)
        except (OSError, subprocess.SubprocessError) as error:
            self._give_up_or_wait(f"cannot be run: {self._said() or error}")
            return
        self._deadline = time.monotonic() + service.start_seconds
        self._enter("preparing" if service.prepare else "starting")

    def _run(self, argv: tuple[str, ...], *, unprivileged: bool) -> None:
        filled = [part.replace("{port}", str(self.port)) for part in argv]
        self._process = spawn(self._state, self.service, filled, unprivileged=unprivileged)
        self._identity = ProcessId(self._process.pid, start_time(self._process.pid) or "")

    def _probe(self) -> bool:
        process = self._process
        assert process is not None  # noqa: S101 (it is starting)
        if not is_ready(self.service.ready, pid=process.pid, port=self.port):
            return False
        # What answered may be another program that took the port meanwhile, and ours about to find that out.
        return not another_listens(process.pid, self.port) and process.poll() is None

    def _ended(self) -> int | None:
        """Returns the exit status, once, when the process has ended; what is left of its group is killed."""
        assert self._process is not None  # noqa: S101 (only asked in phases that have one)
        status = self._process.poll()
        if status is not None:
            self._bury()
        return status

    def _after_end(self, status: int) -> None:
        if self.phase == "preparing" and status == 0:
            try:
                self._run(self.service.argv, unprivileged=self.service.unprivileged)
            except (OSError, subprocess.SubprocessError) as error:
                self._give_up_or_wait(f"cannot be run: {self._said() or error}")
                return
            self._enter("starting")
            return
        how = f"ended with status {status}" if status >= 0 else f"was ended by {signal_name(-status)}"
        said = self._said()
        self._give_up_or_wait(f"{how}: {said}" if said else how)

    def _give_up_or_wait(self, error: str) -> None:
        now = time.monotonic()
        self._ends.append(now)
        recent = sum(now - end < _WINDOW_SECONDS for end in self._ends)
        if recent >= (_MOST_ENDS if self._was_ready else _MOST_ENDS_BEFORE_READY):
            self.fail(error)
            return
        self.error = error
        self._next_start = now + _RESTARTS.wait(recent)
        self._enter("waiting")

    def _kill(self) -> None:
        assert self._process is not None  # noqa: S101 (only called in phases that have one)
        signal_group(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._bury()

    def _bury(self) -> None:
        assert self._process is not None  # noqa: S101 (only called with one)
        signal_group(self._process.pid, signal.SIGKILL)
        forget(self._state, self.service.name)
        self._process = self._identity = None

    def _said(self) -> str:
        """Returns why this attempt ended, in the words of its log."""
        return last_words(self._state.log(self.service.name), since=self._offset)
