"""What was asked of one tenant: requests by route and outcome. Counting only; no rule depends on it."""

from __future__ import annotations

from collections import Counter


class Counters:
    """Requests by route (``/products/{id}``) and what became of them: a status, or ``cut``."""

    def __init__(self) -> None:
        self.by_route: dict[str, Counter[str]] = {}

    def count(self, route: str, outcome: int | str) -> None:
        """Counts one request."""
        self.by_route.setdefault(route, Counter())[str(outcome)] += 1

    def reset(self) -> None:
        """Starts again from nothing."""
        self.by_route.clear()
