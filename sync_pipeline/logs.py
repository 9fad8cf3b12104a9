"""Where log lines go: structured, one line each, never on stdout, which belongs to a command's answer."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TextIO

import structlog

from sync_pipeline.errors import UsageError
from sync_pipeline.private_files import make_private

if TYPE_CHECKING:
    from pathlib import Path


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
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
