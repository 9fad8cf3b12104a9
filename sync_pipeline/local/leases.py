"""Leases: which commands use engines now, and what each of them wants to run.

A lease is a lock file that its command holds while it lives (the kernel lets go of it however the command ends) and a
JSON file beside it with the wishes. The supervisor runs the union of the wishes of the living.
"""

from __future__ import annotations

import getpass
import os
import secrets
from dataclasses import dataclass
from typing import Any

from sync_pipeline.local.services import Service
from sync_pipeline.local.state import StateDir, read_json, try_lock, write_json


class Lease:
    """A command's own lease. ``idle`` is for how many seconds its services stay up after it ended (0: not at all)."""

    def __init__(self, state: StateDir, *, owner: str, idle: float) -> None:
        self.id = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.revision = 0
        self._state = state
        self._idle = idle
        self._owner = owner
        self._wants: dict[str, Service] = {}
        self._write()
        # Locked before it has its name: a lease file that can be seen and locked is that of a dead command.
        unnamed = state.leases / f".{self.id}"
        self._lock = try_lock(unnamed)
        unnamed.rename(state.leases / f"{self.id}.lock")

    def want(self, service: Service) -> None:
        """Ask for the service to run."""
        self._wants[service.name] = service
        self._write()

    def withdraw(self, names: list[str]) -> None:
        """Asks for these no longer."""
        self._wants = {name: service for name, service in self._wants.items() if name not in names}
        self._write()

    @property
    def wanted(self) -> dict[str, Service]:
        """What this lease asks for, by name."""
        return dict(self._wants)

    def release(self) -> None:
        """End the lease, if it has not ended; the supervisor notices."""
        if self._lock is None:
            return
        if not self._wants:
            for suffix in (".lock", ".json"):
                (self._state.leases / self.id).with_suffix(suffix).unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = None

    def _write(self) -> None:
        self.revision += 1
        write_json(
            self._state.leases / f"{self.id}.json",
            {
                "owner": self._owner,
                "user": current_user(),
                "pid": os.getpid(),
                "idle": self._idle,
                "revision": self.revision,
                "wants": [service.to_json() for service in self._wants.values()],
            },
        )


@dataclass(frozen=True, slots=True)
class SeenLease:
    """A lease as the supervisor finds it."""

    id: str
    alive: bool
    owner: str
    user: str
    pid: int
    idle: float
    revision: int
    wants: tuple[Service, ...]


def scan(state: StateDir) -> list[SeenLease]:
    """Returns all leases. Those of ended commands are returned one last time, not alive, and removed."""
    found = []
    for lock_file in sorted(state.leases.glob("*.lock")):
        lock = try_lock(lock_file, shared=True)
        content_file = lock_file.with_suffix(".json")
        content = read_json(content_file)
        if lock is not None:
            os.close(lock)
            lock_file.unlink(missing_ok=True)
            content_file.unlink(missing_ok=True)
        if content is not None:
            found.append(_seen(lock_file.stem, content, alive=lock is None))
    return found


def _seen(lease_id: str, content: dict[str, Any], *, alive: bool) -> SeenLease:
    wants = tuple(Service.from_json(wish) for wish in content["wants"])
    words = {name: content[name] for name in ("owner", "user", "pid", "idle", "revision")}
    return SeenLease(id=lease_id, alive=alive, wants=wants, **words)


def current_user() -> str:
    """Returns the name of the user who runs this process, or the number when it has none (as in some containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
