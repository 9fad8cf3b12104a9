"""Time as something that is handed in, so that waiting, leases and schedules are tested without waiting.

What belongs here: the protocol and the machine's own clock. What does not: back-off, schedules, time zones.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the project needs to know and do about time."""

    def now(self) -> datetime:
        """Returns the wall clock, aware, in UTC: for what people and tables see. It may jump."""
        ...

    def monotonic(self) -> float:
        """Returns seconds from an arbitrary start that never go back.

        For durations and deadlines within one process.
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` (at once when not positive), or be cancelled."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Returns the wall clock, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Returns seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        await asyncio.sleep(max(0.0, seconds))
