"""What a service is: the words in which a command asks the supervisor to run a program.

What belongs here: the plain description and its JSON form. What does not: which engines exist (embedded.py) and how one
is run (supervised.py).
"""

from __future__ import annotations

import os
import signal
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Variables that a program needs to find files, its language and its temporary folder, and that hold no secrets.
_BASE_VARIABLES = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


def base_environment() -> dict[str, str]:
    """Returns the few variables of this process that every service gets; a service is given all others by name."""
    return {name: os.environ[name] for name in _BASE_VARIABLES if name in os.environ}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """When a service may be used.

    ``tcp``: its port accepts a connection. ``http``: GET ``path`` on its port answers 2xx, with the response header
    ``header`` if one is named. ``postmaster``: PostgreSQL wrote ``ready`` into the file at ``path`` (its
    postmaster.pid; what ``pg_ctl --wait`` reads). ``alive``: it runs and has no port.
    """

    kind: Literal["tcp", "http", "postmaster", "alive"] = "tcp"
    path: str = "/"
    header: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One program to run and keep running.

    ``argv`` and ``prepare`` may hold ``{port}``, replaced by the port: ``port`` itself if it is not 0 (the start fails
    when it is taken), else a free one that is kept from start to start. ``prepare`` is a program that runs to its end
    before each start. ``env`` is the whole environment; it is written to a file of mode 0600. ``needs`` names services
    that must be ready before it starts, and are stopped after it. ``unprivileged`` programs are not run as root.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=base_environment)
    cwd: str = "/"
    ready: Ready = field(default_factory=Ready)
    prepare: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    port: int = 0
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 10.0
    start_seconds: float = 60.0
    unprivileged: bool = False

    def to_json(self) -> dict[str, Any]:
        """Returns the description as JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Service:
        """Returns the description that ``to_json`` made. Raises TypeError or KeyError on another one."""
        lists = {name: tuple(content[name]) for name in ("argv", "prepare", "needs")}
        return cls(**{**content, **lists, "ready": Ready(**content["ready"])})
