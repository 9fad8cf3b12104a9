"""The supervisor: one small detached process for each state directory, ``python -m …local.supervisor DIR``.

It runs what the living leases ask for, restarts what dies, stops what nobody wants any more, and ends itself when there
is nothing left to run. The first command that needs an engine starts it (engines.py). Imports: the standard library
and psutil.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sync_pipeline.local.children import end_orphans
from sync_pipeline.local.leases import SeenLease, current_user, scan
from sync_pipeline.local.processes import this_process
from sync_pipeline.local.state import StateDir, try_lock, write_json
from sync_pipeline.local.supervised import Supervised

if TYPE_CHECKING:
    from sync_pipeline.local.services import Service

_SETTLED = frozenset({"ready", "failed"})
_BUSY_SECONDS, _CALM_SECONDS = 0.03, 0.1


class Supervisor:
    """The services of one state directory. The caller holds its lock for as long as this lives."""

    def __init__(self, state: StateDir, *, lock: int, owner: str) -> None:
        self._state = state
        self._lock = lock
        self._head = {"pid": os.getpid(), "started": this_process().started, "owner": owner, "user": current_user()}
        self._services: dict[str, Supervised] = {}
        self._keep_until: dict[str, float] = {}
        self._leases: dict[str, int] = {}
        self._users: list[str] = []
        self._phase = "running"
        self._published: dict[str, Any] = {}
        self.stop_asked = False

    def run(self) -> None:
        """Serve until nothing is wanted, the directory is gone, or ``stop_asked`` is set; then stop everything."""
        try:
            while not self.stop_asked and self._state_is_there() and self._turn():
                time.sleep(self._pause())
        finally:
            self._stop()

    def _turn(self) -> bool:
        """Look at the wishes and take one step with each service. False when there is nothing left to do."""
        leases = scan(self._state)
        now = time.monotonic()
        living = [lease for lease in leases if lease.alive]
        wanted = {service.name: service for lease in living for service in lease.wants}
        for lease in leases:
            if not lease.alive:
                for service in lease.wants:
                    self._keep_until[service.name] = max(now + lease.idle, self._keep_until.get(service.name, now))
        self._retry_for_new_wishes(living)
        for name, service in wanted.items():
            self._services.setdefault(name, Supervised(self._state, service))
        kept = {name for name, until in self._keep_until.items() if until > now}
        for name in [*self._services]:
            self._step(self._services[name], desired=name in wanted or name in kept)
        self._leases = {lease.id: lease.revision for lease in living}
        self._users = [f"{lease.owner} (pid {lease.pid})" for lease in living]
        # Two turns lead out: a command that came between the look at the leases and this word is heard in the second.
        idle = not living and not self._services
        leave = idle and self._phase == "stopping"
        self._phase = "stopping" if idle else "running"
        self._publish()
        return not leave

    def _retry_for_new_wishes(self, living: list[SeenLease]) -> None:
        for lease in living:
            if self._leases.get(lease.id, 0) < lease.revision:
                for service in lease.wants:
                    known = self._services.get(service.name)
                    if known and known.phase == "failed":
                        known.retry(service)

    def _step(self, supervised: Supervised, *, desired: bool) -> None:
        service = supervised.service
        if not desired or supervised.phase == "stopping":
            if not self._needed_by_another(service):
                supervised.leave()
        else:
            states = {name: self._services[name] for name in service.needs if name in self._services}
            missing = [name for name in service.needs if name not in states]
            failed = [name for name, need in states.items() if need.phase == "failed"]
            if supervised.phase == "waiting" and (missing or failed):
                why = f"failed: {states[failed[0]].error}" if failed else "nobody asks for"
                supervised.fail(f"needs {(failed or missing)[0]}, which {why}")
            else:
                supervised.step(met=all(need.phase == "ready" for need in states.values()))
        if supervised.phase == "stopped":
            del self._services[service.name]

    def _needed_by_another(self, service: Service) -> bool:
        return any(service.name in other.service.needs for other in self._services.values())

    def _pause(self) -> float:
        calm = self._phase == "running" and all(one.phase in _SETTLED for one in self._services.values())
        return _CALM_SECONDS if calm else _BUSY_SECONDS

    def _stop(self) -> None:
        """Stop everything, dependents first; each is bounded by its own seconds."""
        self._phase = "stopping"
        while self._services:
            # Those without a process hold nothing up: what they need may stop.
            self._services = {name: one for name, one in self._services.items() if one.has_process}
            for supervised in [*self._services.values()]:
                if not self._needed_by_another(supervised.service):
                    supervised.ask_to_stop()
                    supervised.leave()
            self._publish()
            time.sleep(_BUSY_SECONDS)
        self._publish()

    def _state_is_there(self) -> bool:
        """Returns whether the lock file is still the one that is held.

        Not so after ``rm -r`` of the state directory.
        """
        try:
            return self._state.lock.stat().st_ino == os.fstat(self._lock).st_ino
        except FileNotFoundError:
            return False

    def _publish(self) -> None:
        services = {name: supervised.published() for name, supervised in self._services.items()}
        content = {
            **self._head,
            "state": self._phase,
            "users": self._users,
            "leases": self._leases,
            "services": services,
        }
        if content == self._published:
            return
        try:
            write_json(self._state.status, content)
        except OSError as error:
            # A full disk or a removed folder must not end the engines; the next turn tries again.
            print(f"{self._state.status} cannot be written: {error}", file=sys.stderr, flush=True)  # noqa: T201 (its log)
            return
        self._published = content


def main() -> None:
    """Run the supervisor of the given directory; with ``--lock-fd`` (a held lock, handed over) in the background."""
    parser = argparse.ArgumentParser(prog="sync_pipeline.local.supervisor")
    parser.add_argument("state_dir", type=Path)
    parser.add_argument("--lock-fd", type=int)
    parser.add_argument("--owner", default="supervisor")
    given = parser.parse_args()
    state = StateDir(given.state_dir)
    if given.lock_fd is None:
        state.create()
        lock = try_lock(state.lock)
        if lock is None:
            sys.exit(f"a supervisor of {state.path} already runs")
    else:
        lock = given.lock_fd
        os.set_inheritable(lock, False)  # noqa: FBT003 (positional only)
        if os.fork():
            os._exit(0)
    os.umask(0o077)
    end_orphans(state)
    supervisor = Supervisor(state, lock=lock, owner=given.owner)

    def stop(*_: object) -> None:
        supervisor.stop_asked = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    supervisor.run()


if __name__ == "__main__":
    main()
