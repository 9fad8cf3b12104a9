"""How long to wait before the same thing is tried again: exponential back-off with full jitter, and when to give up.

Source: M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Backoff:
    """Waits of up to ``base * 2**n`` seconds, at most ``cap``; ``attempts`` tries in all."""

    base: float = 0.5
    cap: float = 30.0
    attempts: int = 8
    random: random.Random = field(default_factory=random.Random)

    def wait(self, tried: int, asked: float | None = None) -> float:
        """Seconds before the next try after ``tried`` failed ones; never shorter than the service asked for."""
        wait = self.random.uniform(0, min(self.cap, self.base * 2**tried))
        return max(wait, asked or 0.0)
