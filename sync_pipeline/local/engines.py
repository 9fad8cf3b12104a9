"""The embedded engines, as commands and tests use them.

``Engines.open`` takes a lease on a state directory; asking for an engine's address starts it there if it does not run
yet, through the directory's one supervisor. What belongs here: asking and waiting. What does not: what an engine is
(table.py, embedded.py), running it (supervisor.py), stopping all (down.py).
"""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING, Self

from sync_pipeline.errors import ServiceUnavailableError
from sync_pipeline.local import embedded
from sync_pipeline.local.children import begin_log, last_words, open_log
from sync_pipeline.local.leases import Lease
from sync_pipeline.local.state import StateDir, try_lock
from sync_pipeline.local.status import ServiceStatus, Status, read_status
from sync_pipeline.local.table import ENGINES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType

    from sync_pipeline.local.services import Service

#: For how long one-shot commands leave engines running after the last use, in seconds.
IDLE_SECONDS = 15 * 60.0

_POLL_SECONDS = 0.03
_SUPERVISOR_STARTS = 3


class Engines:
    """The engines of one state directory, in use by this process until ``close`` or its end. A context manager."""

    def __init__(
        self, state: StateDir, lease: Lease, *, owner: str, timeout: float, progress: Callable[[str], None]
    ) -> None:
        self._state = state
        self._lease = lease
        self._owner = owner
        self._timeout = timeout
        self._progress = progress

    @classmethod
    def open(
        cls,
        state_dir: Path,
        *,
        owner: str,
        idle: float = IDLE_SECONDS,
        timeout: float = 60.0,
        progress: Callable[[str], None] = lambda line: None,
    ) -> Self:
        """Use the engines of ``state_dir`` (made if absent). Starts nothing yet.

        ``owner`` is the command's name, for status and messages. What is asked for stays up for ``idle`` seconds after
        this process is done with it; 0 stops it then, unless another process uses it. ``timeout`` bounds each start, in
        seconds; ``progress`` gets one line for each engine that has to be waited for. Raises UsageError when the
        directory cannot be used.
        """
        state = StateDir.at(state_dir)
        state.create()
        try:
            lease = Lease(state, owner=owner, idle=idle)
        except OSError as error:
            raise ServiceUnavailableError(f"{state.path} cannot be written: {error.strerror or error}") from error
        return cls(state, lease, owner=owner, timeout=timeout, progress=progress)

    def url(self, name: str, path: str = "") -> str:
        """Return the address of an engine of the table, which is ready; it is started if it does not run yet.

        ``path`` follows it: the database of ``postgres`` (default: the ledger's), a path of the others. Raises
        ServiceUnavailableError.
        """
        engine = ENGINES[name]
        return engine.url(self._state, self.run(engine.service(self._state)), path)

    def run(self, service: Service) -> int:
        """Run the service under the same supervisor, unless one of that name already runs; returns its port (0: none).

        Raises ServiceUnavailableError, naming the service, what it said last and its log, when it does not get ready.
        """
        if service.name not in self._lease.wanted or not _is_ready(read_status(self._state), service.name):
            self._ask(service)
        return self._wait(service).port or 0

    def ensure(self) -> None:
        """Wait until all that was asked for here is ready again; at once when it is.

        For commands that stay, now and then: also a supervisor that was killed is started again. Raises
        ServiceUnavailableError.
        """
        for service in self._lease.wanted.values():
            self._wait(service)

    def status(self) -> dict[str, ServiceStatus]:
        """Returns all services of the state directory by name, whoever asked for them.

        Empty when no supervisor runs.
        """
        status = read_status(self._state)
        return status.services if status else {}

    def stop(self, names: Iterable[str] | None = None) -> list[str]:
        """Give up these services (default: all that were asked for here) and wait until they have stopped.

        Those that another process uses, or that an earlier one left running, stay. Returns the names of the stopped.
        """
        given_up = [name for name in self._lease.wanted if names is None or name in set(names)]
        self._lease.withdraw(given_up)
        deadline = time.monotonic() + self._timeout
        while (status := read_status(self._state)) and time.monotonic() < deadline:
            left = [status.services[name].state for name in given_up if name in status.services]
            if self._is_heard(status) and not {"leaving", "stopping"} & set(left):
                return [name for name in given_up if name not in status.services]
            time.sleep(_POLL_SECONDS)
        return [] if status else given_up

    def close(self) -> None:
        """End the use. Waits for nothing."""
        self._lease.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, service: Service) -> None:
        try:
            self._lease.want(service)
        except OSError as error:
            raise ServiceUnavailableError(f"{self._state.path} cannot be written: {error.strerror or error}") from error

    def _is_heard(self, status: Status) -> bool:
        return status.leases.get(self._lease.id, 0) >= self._lease.revision

    def _wait(self, wanted: Service) -> ServiceStatus:
        deadline = time.monotonic() + self._timeout
        starts = 0
        told = False
        while True:
            status = read_status(self._state)
            # Whoever holds this lock is a supervisor, though it may not have said anything yet.
            if status is None and (lock := try_lock(self._state.lock)) is not None:
                if starts == _SUPERVISOR_STARTS:
                    os.close(lock)
                    self._no_supervisor()
                self._start_supervisor(lock)
                starts += 1
            service = status.services.get(wanted.name) if status else None
            if service and _is_ready(status, wanted.name):
                return service
            if status and service and service.state == "failed" and self._is_heard(status):
                raise ServiceUnavailableError(f"{wanted.name} did not start: {service.error} (log: {service.log})")
            if time.monotonic() > deadline:
                why = f": {service.error}" if service and service.error else "" if status else ": no supervisor answers"
                log = self._state.log(wanted.name)
                raise ServiceUnavailableError(f"{wanted.name} is not ready after {self._timeout:g} s{why} (log: {log})")
            if not told:
                self._progress(f"starting {wanted.name} in {self._state.path}")
                told = True
            time.sleep(_POLL_SECONDS)

    def _start_supervisor(self, lock: int) -> None:
        """Start a supervisor and hand over the lock, which is held here: there is never a second."""
        try:
            begin_log(self._state.log("supervisor"))
            with open_log(self._state.log("supervisor")) as log:
                subprocess.run(  # noqa: S603 (our own command line)
                    embedded.module(
                        "sync_pipeline.local.supervisor",
                        *(str(self._state.path), "--lock-fd", str(lock), "--owner", self._owner),
                    ),
                    env=embedded.module_environment(),
                    cwd="/",
                    pass_fds=(lock,),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    timeout=self._timeout,
                    check=False,
                )
        except (OSError, subprocess.SubprocessError) as error:
            raise ServiceUnavailableError(f"the engines' supervisor cannot be started: {error}") from error
        finally:
            os.close(lock)

    def _no_supervisor(self) -> None:
        log = self._state.log("supervisor")
        raise ServiceUnavailableError(f"the engines' supervisor does not stay up: {last_words(log)} (log: {log})")


def _is_ready(status: Status | None, name: str) -> bool:
    service = status.services.get(name) if status else None
    # Alive too: the supervisor looks a few times a second only.
    return service is not None and service.state == "ready" and service.alive()


def running(state_dir: Path) -> Status | None:
    """Returns the living supervisor of the state directory and its services, or None. Starts and changes nothing."""
    return read_status(StateDir.at(state_dir))
