"""The books of a delivery: every record read or found absent ends as exactly one outcome (invariant 3).

Unit: the record. read + absent = written + deleted + unchanged + stale + filtered + dead-lettered. A record of several
documents counts once, with the worst of their outcomes, when the last of them has one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sync_pipeline.errors import Retry, SyncPipelineError
from sync_pipeline.operations import Operation, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sync_pipeline.operations import Item

#: From the best to the worst: what a record of several documents is said to be.
SEVERITY = (
    Outcome.UNCHANGED,
    Outcome.FILTERED,
    Outcome.DELETED,
    Outcome.WRITTEN,
    Outcome.STALE,
    Outcome.DEAD_LETTERED,
)


class BooksError(SyncPipelineError):
    """The books do not balance: a record was lost or counted twice. The batch fails, whatever was written."""

    kind = "books"
    retry = Retry.PERSON


@dataclass
class _OpenRecord:
    """A record some of whose documents have no outcome yet; ``times`` it was read."""

    documents: int = 0
    times: int = 0
    worst: Outcome = SEVERITY[0]
    reason: str | None = None


@dataclass
class Books:
    """Counts of one delivery. ``reasons`` breaks filtered and dead-lettered records down by reason."""

    read: int = 0
    absent: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    _open: dict[str, _OpenRecord] = field(default_factory=dict)

    def enter(self, page: Iterable[Item]) -> None:
        """Enters the records of a page as read, or as absent when nothing of them was read."""
        documents: dict[str, int] = {}
        read: set[str] = set()
        for item in page:
            is_absent = isinstance(item, Operation) and item.absent
            if item.record is not None:
                documents[item.record] = documents.get(item.record, 0) + 1
                if not is_absent:
                    read.add(item.record)
            elif is_absent:
                self.absent += 1
            else:
                self.read += 1
        self.read += len(read)
        self.absent += len(documents) - len(read)
        for record, number in documents.items():
            entry = self._open.setdefault(record, _OpenRecord())
            entry.documents += number
            entry.times += 1

    def settle(self, item: Item, outcome: Outcome, reason: str | None = None) -> None:
        """Enters the outcome of one document of an entered page; its record's once it has all of them."""
        if item.record is None:
            self.count(outcome, reason)
            return
        entry = self._open[item.record]
        entry.documents -= 1
        if SEVERITY.index(outcome) >= SEVERITY.index(entry.worst):
            entry.worst, entry.reason = outcome, reason
        if not entry.documents:
            del self._open[item.record]
            for _ in range(entry.times):
                self.count(entry.worst, entry.reason)

    def count(self, outcome: Outcome, reason: str | None = None) -> None:
        """Enters one record's outcome."""
        self.outcomes[outcome] += 1
        if reason is not None:
            self.reasons[f"{outcome}:{reason}"] += 1

    def merge(self, other: Books) -> None:
        """Enters what a finished delivery has in books of its own."""
        self.read += other.read
        self.absent += other.absent
        self.outcomes += other.outcomes
        self.reasons += other.reasons

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
        """Returns the figures for the ledger and for metadata."""
        stats: dict[str, Any] = {"read": self.read, "absent": self.absent}
        stats |= {outcome.value: self.outcomes[outcome] for outcome in Outcome}
        if self.reasons:
            stats["reasons"] = dict(sorted(self.reasons.items()))
        return stats


def balances(counts: dict[str, Any]) -> bool:
    """Tells whether the figures of ``as_dict`` balance (for checks that read them back from the ledger)."""
    return counts["read"] + counts["absent"] == sum(counts[outcome.value] for outcome in Outcome)
