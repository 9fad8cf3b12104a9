"""What BigCommerce's rate-limit headers say, and which of two answers knows it better. Pure.

What belongs here: reading the headers and following the quota window. What does not: waiting (``budget``).

Source: bigcommerce/docs, ``docs/api-docs/getting-started/api-rate-limits.mdx``: a quota of requests per window, shared
by all apps of the store, whose size changes as other apps come and go; ``X-Retry-After`` (seconds) on 429.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Used when an answer gives the rest of a window but not its size; the size that BigCommerce documents.
DEFAULT_WINDOW_SECONDS = 30.0


@dataclass(slots=True, frozen=True)
class RateLimit:
    """The rate-limit headers of one answer; times in seconds, None where a header is absent or malformed."""

    left: int | None = None
    quota: int | None = None
    reset: float | None = None
    window: float | None = None
    retry_after: float | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> RateLimit:
        """Read ``headers`` (a mapping that ignores case)."""
        left, quota = (_number(headers.get(f"x-rate-limit-requests-{name}")) for name in ("left", "quota"))
        reset, window = (_number(headers.get(f"x-rate-limit-time-{name}-ms")) for name in ("reset", "window"))
        waits = [_number(headers.get(name)) for name in ("x-retry-after", "retry-after")]
        return cls(
            left=None if left is None else int(left),
            quota=None if quota is None else int(quota),
            reset=None if reset is None else reset / 1000,
            window=None if window is None else window / 1000,
            retry_after=max((wait for wait in waits if wait is not None), default=None),
        )


@dataclass(slots=True, frozen=True)
class Window:
    """The quota window as the newest answer tells it.

    ``left`` requests until ``ends_at`` (monotonic seconds, never too early). ``reset`` is the rest of the window in the
    server's own words when that answer was made: it runs down, so it tells which of two answers of one window is newer,
    also when they arrive the other way round. ``quota`` is its size, if told. A window nobody has told about yet
    (``presumed``) is full.
    """

    left: int
    quota: int | None
    length: float
    reset: float
    ends_at: float
    presumed: bool = False

    @classmethod
    def told_by(cls, limit: RateLimit, *, received: float) -> Window | None:
        """Returns the window that an answer received at ``received`` tells about, or None when it tells too little."""
        if limit.left is None or limit.reset is None:
            return None
        length = limit.window or max(DEFAULT_WINDOW_SECONDS, limit.reset)
        return cls(left=limit.left, quota=limit.quota, length=length, reset=limit.reset, ends_at=received + limit.reset)

    def after(self, other: Window, *, latency: float) -> Window:
        """Returns this window, brought up to date by ``other``, told by an answer that took ``latency`` seconds.

        An answer is late by at most its latency, so its end is at most that much too late: below half a window that
        separates windows for sure. A slower answer says nothing certain; its request has only been used up.
        """
        if latency > self.length / 2:
            return self.used()
        if self.presumed or other.ends_at > self.ends_at + self.length / 2:
            return other
        if other.ends_at < self.ends_at - self.length / 2:
            return self
        newest = min(other, self, key=lambda window: (window.reset, window.left))
        return replace(newest, ends_at=min(self.ends_at, other.ends_at))

    def used(self) -> Window:
        """Returns the window after one more request about which nothing was told."""
        return replace(self, left=self.left - 1)

    def following(self, *, now: float) -> Window | None:
        """Returns the next window, presumed to be full until an answer tells otherwise.

        None if nobody told its size.
        """
        if not self.quota:
            return None
        return replace(self, left=self.quota, reset=math.inf, ends_at=now + self.length, presumed=True)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) and value >= 0 else None
