"""How long to wait before the same thing is tried again: exponential back-off with jitter, and when to give up.

Source: M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Doublings counted; any more would leave every cap behind, and in the end the range of a float.
_MOST_DOUBLINGS = 60


@dataclass(frozen=True)
class Backoff:
    """Computes waits of ``first`` seconds, doubled with each failure, at most ``cap``; ``attempts`` tries in all.

    ``jitter``: the share of a wait that is left to chance (0: none, 1: all of it), so that clients that failed together
    do not return together. ``random`` gives numbers between 0 and 1.
    """

    first: float = 1.0
    cap: float = 30.0
    attempts: int = 8
    jitter: float = 1.0
    random: Callable[[], float] = random.random

    def wait(self, failures: int, asked: float | None = None) -> float:
        """Compute the seconds to wait after ``failures`` (>= 1) in a row, never less than the service asked for."""
        longest = min(self.cap, self.first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))
        return max(longest * (1 - self.jitter + self.jitter * self.random()), asked or 0.0)
