"""Saved queries: what a store's search ought to find, and how well it does. A measure, not a guess.

What belongs here: running them and reckoning. What does not: keeping them (stores/saved_queries.py).

A query succeeds if every expected document is among its first ``top`` hits. The reciprocal rank of a query is 1 / rank
of the first expected document there (0 when there is none); its mean over all queries is the usual MRR.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    #: Asks for so many hits of a query; their document ids, best first.
    Ask = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True)
class Expectation:
    """A query and the documents that should be among its first ``top`` hits."""

    query: str
    expected: Sequence[str]
    top: int = 10


@dataclass(frozen=True)
class QueryResult:
    """What a query found of what was expected: document ids with their ranks, from 1."""

    query: str
    top: int
    found: dict[str, int]
    missing: Sequence[str]

    @property
    def succeeded(self) -> bool:
        """Whether every expected document was found."""
        return not self.missing

    @property
    def first_rank(self) -> int | None:
        """The rank of the first expected document."""
        return min(self.found.values(), default=None)


@dataclass(frozen=True)
class Quality:
    """The results of all queries, and their sums."""

    results: Sequence[QueryResult]

    @property
    def succeeded(self) -> int:
        """How many queries found everything."""
        return sum(result.succeeded for result in self.results)

    @property
    def success_at_k(self) -> float | None:
        """The share of queries that found everything; None without queries."""
        return self.succeeded / len(self.results) if self.results else None

    @property
    def mean_reciprocal_rank(self) -> float | None:
        """The mean of the queries' reciprocal ranks; None without queries."""
        ranks = [result.first_rank for result in self.results]
        return sum(1 / rank for rank in ranks if rank) / len(ranks) if ranks else None


async def measure(ask: Ask, expectations: Iterable[Expectation]) -> Quality:
    """Runs the queries one after the other. Raises what ``ask`` raises."""
    results = []
    for one in expectations:
        hits = (await ask(one.query, one.top))[: one.top]
        found = {key: hits.index(key) + 1 for key in one.expected if key in hits}
        missing = [key for key in one.expected if key not in found]
        results.append(QueryResult(one.query, one.top, found, missing))
    return Quality(results)
