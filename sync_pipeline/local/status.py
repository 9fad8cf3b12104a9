"""What the supervisor publishes, as commands read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sync_pipeline.local.processes import ProcessId
from sync_pipeline.local.state import StateDir, read_json


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service: ``state`` is a phase of supervised.py, ``error`` why it failed or was restarted (else empty)."""

    name: str
    state: str
    pid: int | None
    started: str | None
    port: int | None
    error: str
    log: Path
    since: float

    def alive(self) -> bool:
        """Returns whether its process runs now."""
        return self.pid is not None and ProcessId(self.pid, self.started or "").alive()


@dataclass(frozen=True, slots=True)
class Status:
    """A living supervisor: who started it, who uses it, and its services by name.

    ``state`` is ``running`` or ``stopping``; ``leases`` maps each lease that it knows to the revision it acted upon.
    """

    state: str
    process: ProcessId
    owner: str
    user: str
    users: tuple[str, ...]
    leases: dict[str, int]
    services: dict[str, ServiceStatus]


def read_status(state: StateDir) -> Status | None:
    """Returns what the supervisor last said, or None when it no longer runs.

    Raises OSError if the file is closed to us.
    """
    content = read_json(state.status)
    if content is None:
        return None
    process = ProcessId(content["pid"], content["started"])
    if not process.alive():
        return None
    services = {name: _service(name, service) for name, service in content["services"].items()}
    words = {name: content[name] for name in ("state", "owner", "user", "leases")}
    return Status(process=process, users=tuple(content["users"]), services=services, **words)


def _service(name: str, content: dict[str, Any]) -> ServiceStatus:
    return ServiceStatus(name=name, **{**content, "log": Path(content["log"])})
