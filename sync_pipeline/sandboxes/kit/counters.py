"""What was asked of one store: requests by path template and status. Counting only; no rule depends on it."""

from __future__ import annotations

from collections import Counter


class Counters:
    """Requests by template (``/v3/catalog/products/{id}``) and what became of them: a status, or ``cut``."""

    def __init__(self) -> None:
        self.by_template: dict[str, Counter[str]] = {}

    def count(self, template: str, outcome: int | str) -> None:
        """Counts one request."""
        self.by_template.setdefault(template, Counter())[str(outcome)] += 1

    def reset(self) -> None:
        """Starts again from nothing."""
        self.by_template.clear()
