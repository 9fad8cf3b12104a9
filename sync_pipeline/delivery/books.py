"""The books of a delivery: every record read or found absent ends as exactly one outcome (invariant 3).

Unit: the record. read + absent = written + deleted + unchanged + stale + filtered + dead-lettered.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sync_pipeline.errors import Retry, SyncPipelineError
from sync_pipeline.operations import Outcome


class BooksError(SyncPipelineError):
    """The books do not balance: a record was lost or counted twice. The batch fails, whatever was written."""

    kind = "books"
    retry = Retry.PERSON


@dataclass
class Books:
    """Counts of one delivery. ``reasons`` breaks filtered and dead-lettered records down by reason."""

    read: int = 0
    absent: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def count(self, outcome: Outcome, reason: str | None = None) -> None:
        """Enters one record's outcome."""
        self.outcomes[outcome] += 1
        if reason is not None:
            self.reasons[f"{outcome}:{reason}"] += 1

    @property
    def accounted(self) -> int:
        """How many records have an outcome."""
        return self.outcomes.total()

    def check(self) -> None:
        """Raises BooksError unless every record has its outcome."""
        if self.read + self.absent != self.accounted:
            raise BooksError(
                f"the books do not balance: {self.read} read + {self.absent} absent, but {self.accounted} accounted for"
            )

    def as_dict(self) -> dict[str, Any]:
        """The figures for the ledger and for metadata."""
        stats: dict[str, Any] = {"read": self.read, "absent": self.absent}
        stats |= {outcome.value: self.outcomes[outcome] for outcome in Outcome}
        if self.reasons:
            stats["reasons"] = dict(sorted(self.reasons.items()))
        return stats


def balances(counts: dict[str, Any]) -> bool:
    """Whether the figures of ``as_dict`` balance (for checks that read them back from the ledger)."""
    return counts["read"] + counts["absent"] == sum(counts[outcome.value] for outcome in Outcome)
