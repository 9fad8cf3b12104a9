"""The state directory: its layout, its locks and its small JSON files.

What belongs here: how this folder's files are written (0600, atomically) and locked (flock, which the kernel releases
when its holder dies). What does not: what the files mean; leases, records and status live in modules of their own.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync_pipeline.errors import UsageError
from sync_pipeline.private_files import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class StateDirectoryError(UsageError):
    """The state directory cannot be used; the line says why, and which variable names another."""


@dataclass(frozen=True, slots=True)
class StateDir:
    """One state directory. Two of them share nothing, so clones and tests run side by side."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> StateDir:
        """Returns the state directory at the path, which may be relative or begin with ``~``."""
        return cls(path.expanduser().absolute())

    @property
    def lock(self) -> Path:
        """Held exclusively by the one supervisor for its whole life."""
        return self.path / "supervisor.lock"

    @property
    def status(self) -> Path:
        """What the supervisor publishes: itself and every service."""
        return self.path / "engines.json"

    @property
    def ports(self) -> Path:
        """The ports chosen so far, kept so that addresses stay the same."""
        return self.path / "ports.json"

    @property
    def leases(self) -> Path:
        """One lock and one JSON file for each command that uses engines."""
        return self.path / "leases"

    @property
    def records(self) -> Path:
        """One JSON file for each process started, written by that process before it becomes the engine."""
        return self.path / "run"

    @property
    def commands(self) -> Path:
        """One lock and one JSON file for each command that runs alone (``dev``, ``demo``)."""
        return self.path / "commands"

    @property
    def logs(self) -> Path:
        """One log for each service, and the supervisor's own."""
        return self.path / "logs"

    def log(self, name: str) -> Path:
        """Returns the log file of the service (or supervisor) of that name."""
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Make the folders, 0700, and see that they can be written. Raises StateDirectoryError."""
        with self.usable():
            make_private(self.path)
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o700)
            for folder in (self.leases, self.records, self.commands, self.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
            os.close(open_lock_file(self.lock))

    def exists(self) -> bool:
        """Returns whether anything was ever started here.

        Raises StateDirectoryError when the directory is closed to this user, or none.
        """
        with self.usable():
            try:
                os.close(os.open(self.lock, os.O_RDWR))
            except FileNotFoundError:
                return False
            return True

    @contextmanager
    def usable(self) -> Iterator[None]:
        """Turns what the system says inside the block into StateDirectoryError."""
        try:
            yield
        except OSError as error:
            raise StateDirectoryError(
                f"the state directory {self.path} cannot be used: {error.strerror or error}; "
                "set SYNC_PIPELINE_STATE_DIR to a folder of your own"
            ) from error


def write_json(path: Path, content: Any) -> None:
    """Replace the file in one step, 0600: a reader sees the old content or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump(content, file, indent=1)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any] | None:
    """Returns the file's object, or None when it is absent or not one (a full disk, a hand's edit)."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def open_lock_file(path: Path) -> int:
    """Returns a descriptor of the lock file, made 0600 if absent, not inherited by programs this process runs."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def try_lock(path: Path, *, shared: bool = False) -> int | None:
    """Lock the file without waiting: the descriptor that holds it (close it to unlock), or None when it is taken."""
    descriptor = open_lock_file(path)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
