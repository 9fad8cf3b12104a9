"""The request quota of one store: a fixed window that begins with the first request after the last one ended.

The quota is per store, whoever calls; headers and meanings are those of BigCommerce's rate-limit guide.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync_pipeline.sandboxes.kit.clock import Clock

STANDARD_QUOTA = 150
STANDARD_WINDOW_SECONDS = 30.0


class RateLimiter:
    """Counts requests against ``quota`` per ``window`` seconds; beyond it all are refused until the window ends."""

    def __init__(self, clock: Clock, *, quota: int = STANDARD_QUOTA, window: float = STANDARD_WINDOW_SECONDS) -> None:
        self.quota = quota
        self.window = window
        self.busiest_window = 0
        self.refused = 0
        self._clock = clock
        self._start = -math.inf
        self._seen = 0

    def take(self, requests: int = 1) -> bool:
        """Counts ``requests`` and tells whether they were within the quota."""
        self._turn()
        self._seen += requests
        self.busiest_window = max(self.busiest_window, self._seen)
        if self._seen <= self.quota:
            return True
        self.refused += 1
        return False

    def headers(self) -> dict[str, str]:
        """Returns the four headers that every answer carries."""
        self._turn()
        return {
            "X-Rate-Limit-Time-Window-Ms": str(round(self.window * 1000)),
            "X-Rate-Limit-Time-Reset-Ms": str(round(self._remaining() * 1000)),
            "X-Rate-Limit-Requests-Quota": str(self.quota),
            "X-Rate-Limit-Requests-Left": str(max(0, self.quota - self._seen)),
        }

    def refusal_headers(self, wait: float = 0.0) -> dict[str, str]:
        """Returns the headers of a 429: nothing is left, and `X-Retry-After` tells the whole seconds until the window
        ends.

        ``wait`` tells another time than the window's (a fault).
        """
        wait = wait or self._remaining()
        told = {"X-Rate-Limit-Requests-Left": "0", "X-Rate-Limit-Time-Reset-Ms": str(round(wait * 1000))}
        return {**self.headers(), **told, "X-Retry-After": str(max(1, math.ceil(wait)))}

    def reset_counters(self) -> None:
        """Forgets what was observed; the window itself goes on."""
        self.busiest_window = self._seen
        self.refused = 0

    def _remaining(self) -> float:
        return max(0.0, self._start + self.window - self._clock.now())

    def _turn(self) -> None:
        if self._remaining() == 0.0:
            self._start = self._clock.now()
            self._seen = 0
