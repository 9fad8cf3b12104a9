"""The error budget: one bad record stops nothing, a hopeless run ends early, and what failed is kept."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import pytest

from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.delivery.error_budget import ErrorBudget, ErrorBudgetError
from sync_pipeline.operations import Capabilities, Item, ItemError, ItemResult, Operation, Outcome, Rejected
from sync_pipeline_tests.clocks import ManualClock


class Refusing:
    """A destination that takes no operation whose key begins with `bad`."""

    capabilities = Capabilities()
    max_items = 10
    max_bytes = 10_000

    async def write(self, operations: Sequence[Operation]) -> Sequence[ItemResult]:
        return [
            ItemError("mapper_parsing_exception", "no such field", retryable=False)
            if operation.key.startswith("bad")
            else Outcome.WRITTEN
            for operation in operations
        ]


def records(count: int, *, bad: Sequence[int]) -> list[Operation]:
    return [Operation(f"{'bad' if number in bad else 'good'}-{number}", 1, body=b"{}") for number in range(count)]


def delivery(kept: list[Rejected], budget: ErrorBudget) -> Delivery:
    return Delivery(
        Refusing(),
        fence=lambda: None,
        record_tombstones=lambda _: {},
        keep=kept.extend,
        budget=budget,
        clock=ManualClock(),
        writers=1,
    )


async def pages(items: Sequence[Item]) -> AsyncGenerator[Sequence[Item]]:
    for start in range(0, len(items), 10):
        yield items[start : start + 10]


@pytest.mark.invariant("6.7")
@pytest.mark.parametrize(
    ("budget", "items", "bound"),
    [
        (ErrorBudget(total=30), records(1000, bad=range(0, 1000, 10)), "more than 30;"),
        (ErrorBudget(consecutive=40), records(1000, bad=range(500, 1000)), "more than 40 in a row"),
        (ErrorBudget(settled=200), records(1000, bad=range(0, 1000, 5)), "more than 15%"),
        (ErrorBudget(), records(100, bad=range(21)), "more than 15%"),
    ],
)
async def test_a_hopeless_run_ends_with_what_failed_kept(budget: ErrorBudget, items: list[Operation], bound: str):
    kept: list[Rejected] = []
    work = delivery(kept, budget)
    with pytest.raises(ErrorBudgetError, match=bound) as told:
        await work.run(pages(items))
    assert len(kept) == work.books.outcomes[Outcome.DEAD_LETTERED] > 20
    assert "mapper_parsing_exception" in str(told.value)
    assert len(items) == 100 or work.books.accounted < len(items) * 0.7


@pytest.mark.invariant("6.6")
@pytest.mark.parametrize(
    ("total", "bad"),
    [(100, range(20)), (100, range(0, 100, 7)), (2000, range(280)), (2000, range(1000, 1300)), (20, range(20))],
    ids=["few", "spread", "at the beginning", "in one place", "all of a few"],
)
async def test_a_run_with_some_bad_records_goes_on(total: int, bad: range):
    kept: list[Rejected] = []
    books = await delivery(kept, ErrorBudget()).run(pages(records(total, bad=bad)))
    assert (books.outcomes[Outcome.WRITTEN], len(kept)) == (total - len(bad), len(bad))
