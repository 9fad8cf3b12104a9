"""Where log lines go: structured, one line each, never on stdout, which belongs to a command's answer.

structlog is imported with the first line: it takes 0.1 CPU-seconds, and most commands write none.
"""

from __future__ import annotations

import logging
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from sync_pipeline.errors import UsageError
from sync_pipeline.private_files import make_private
from sync_pipeline.terminal_text import escaped

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Log:
    """The lines of one part of the project, which ``name`` tells."""

    name: str

    def info(self, event: str, **fields: Any) -> None:
        """Writes what happened as it should."""
        _logger(self.name).info(event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Writes what somebody should look at."""
        _logger(self.name).warning(event, **fields)

    def error(self, event: str, **fields: Any) -> None:
        """Writes what failed."""
        _logger(self.name).error(event, **fields)


@dataclass(frozen=True)
class _Target:
    level: str
    stream: TextIO


#: What ``configure_logging`` asked for and no line has applied yet.
_asked_for: list[_Target] = []
_applying = threading.Lock()


def configure_logging(level: str, file: Path | None) -> None:
    """Sends log lines of ``level`` and above to ``file``, or to stderr without one. Call once, at a process's start.

    Raises UsageError when the file cannot be written.
    """
    stream: TextIO = sys.stderr
    if file is not None:
        try:
            make_private(file.parent)
            file.touch(mode=0o600)
            stream = file.open("a", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"the log file {file} cannot be used: {error.strerror}") from None
    _asked_for[:] = [_Target(level, stream)]


def _logger(name: str) -> Any:
    import structlog  # noqa: PLC0415 - as the module says

    with _applying:
        if _asked_for:
            target = _asked_for.pop()
            structlog.configure(
                processors=[
                    structlog.contextvars.merge_contextvars,
                    structlog.processors.add_log_level,
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
                    lambda _, __, line: escaped(str(line)),
                ],
                wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[target.level]),
                logger_factory=structlog.WriteLoggerFactory(target.stream),
                cache_logger_on_first_use=False,
            )
    return structlog.get_logger(name)
