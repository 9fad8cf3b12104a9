"""The error budget: when so many records fail that the run is hopeless, and a person must look first.

Pure. Three bounds: how many dead letters in all, how many in a row, and which share of all records. The idea is that of
Elastic's connector framework (`error_monitor` in its configuration), whose bounds are 1,000, 10 and 15 % of the last
100; here the bounds are wider, for records that were imported together fail together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sync_pipeline.errors import SyncPipelineError
from sync_pipeline.operations import Outcome

if TYPE_CHECKING:
    from sync_pipeline.delivery.books import Books


class ErrorBudgetError(SyncPipelineError):
    """Too many records could not be delivered: the run ends, and what failed is in the dead letters."""

    kind = "error_budget"


@dataclass
class ErrorBudget:
    """The bounds of one delivery.

    ``total`` dead letters, ``consecutive`` ones without any other outcome between, or more than ``share`` of all
    records; the share is looked at once ``settled`` records have an outcome, or at the end, and never for ``few`` dead
    letters.
    """

    total: int = 10_000
    consecutive: int = 1_000
    share: float = 0.15
    settled: int = 5_000
    few: int = 20
    _others: int = 0
    _before: int = 0

    def check(self, books: Books, *, ended: bool = False) -> None:
        """Raises ErrorBudgetError when the books are beyond a bound. Called after dead letters were counted."""
        dead = books.outcomes[Outcome.DEAD_LETTERED]
        others = books.accounted - dead
        if others != self._others:
            self._others, self._before = others, dead
        bound = None
        if dead > self.total:
            bound = f"more than {self.total:,}"
        elif dead - self._before > self.consecutive:
            bound = f"more than {self.consecutive:,} in a row"
        elif dead > self.few and (ended or books.accounted >= self.settled) and dead > books.accounted * self.share:
            bound = f"more than {self.share:.0%}"
        if bound is not None:
            worst = max(
                (reason for reason in books.reasons if reason.startswith(Outcome.DEAD_LETTERED.value)),
                key=books.reasons.__getitem__,
                default="unknown",
            )
            raise ErrorBudgetError(
                f"{dead:,} of {books.accounted:,} records failed ({bound}; most: {worst.partition(':')[2]}): nothing "
                "more is tried. `sync-pipeline dead-letters list` shows them"
            )
