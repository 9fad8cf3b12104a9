"""The clock of a sandbox: one for rate windows, dates of edits and what it tells of the time. Nothing else here."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Epoch seconds from ``source``, which can be moved forward. With a constant source only tests move it."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._offset = 0.0

    def now(self) -> float:
        """Returns the present, in epoch seconds."""
        return self._source() + self._offset

    def advance(self, seconds: float) -> None:
        """Moves the present forward."""
        self._offset += seconds


def iso(epoch: float) -> str:
    """Returns ``epoch`` in ISO 8601, to the second: ``2018-09-05T20:42:07+00:00``."""
    return datetime.fromtimestamp(int(epoch), UTC).isoformat()
