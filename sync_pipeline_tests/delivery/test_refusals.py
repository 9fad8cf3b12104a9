"""What a destination says of single operations, and what becomes of the records behind them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import pytest

from sync_pipeline.delivery.books import Books, BooksError
from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.operations import (
    AnswerError,
    Capabilities,
    DestinationError,
    Item,
    ItemError,
    ItemResult,
    Operation,
    Outcome,
    Rejected,
)
from sync_pipeline_tests.clocks import ManualClock

BUSY = ItemError("es_rejected_execution_exception", "queue full", retryable=True)
REFUSED = ItemError("document_parsing_exception", "no number", retryable=False)


class Answering:
    """Gives each key its answers one after the other, and `written` when they are used up."""

    capabilities = Capabilities()
    max_items = 10
    max_bytes = 10_000

    def __init__(self, answers: Mapping[str, Sequence[ItemResult]]) -> None:
        self.answers = {key: iter(given) for key, given in answers.items()}
        self.asked: list[list[str]] = []

    async def write(self, operations: Sequence[Operation]) -> Sequence[ItemResult]:
        self.asked.append([operation.key for operation in operations])
        return [next(self.answers.get(operation.key, iter(())), Outcome.WRITTEN) for operation in operations]


async def one_page(*keys: str) -> AsyncGenerator[Sequence[Item]]:
    yield [Operation(key, 1, body=b"{}") for key in keys]


def delivery(destination: Answering, kept: list[Rejected], **options) -> Delivery:
    return Delivery(
        destination,
        fence=lambda: None,
        record_tombstones=lambda _: {},
        keep=kept.extend,
        clock=ManualClock(),
        writers=1,
        **options,
    )


@pytest.mark.invariant("6.5")
async def test_a_record_that_is_refused_is_a_dead_letter_at_once_and_not_asked_for_again():
    kept: list[Rejected] = []
    destination = Answering({"b": [REFUSED]})
    books = await delivery(destination, kept).run(one_page("a", "b", "c"))
    assert destination.asked == [["a", "b", "c"]]
    assert [(item.key, item.reason, item.payload) for item in kept] == [("b", REFUSED.reason, b"{}")]
    assert (books.outcomes[Outcome.WRITTEN], books.outcomes[Outcome.DEAD_LETTERED]) == (2, 1)


@pytest.mark.invariant("6.4")
async def test_only_what_was_too_much_is_sent_again_and_never_becomes_a_dead_letter():
    kept: list[Rejected] = []
    destination = Answering({"b": [BUSY, BUSY], "c": [BUSY]})
    books = await delivery(destination, kept).run(one_page("a", "b", "c"))
    assert destination.asked == [["a", "b", "c"], ["b", "c"], ["b"]]
    assert (books.outcomes[Outcome.WRITTEN], kept) == (3, [])


@pytest.mark.invariant("6.4")
async def test_a_destination_that_stays_busy_ends_the_run_and_blames_no_record():
    kept: list[Rejected] = []
    with pytest.raises(DestinationError, match="queue full"):
        await delivery(Answering({"a": [BUSY] * 100}), kept).run(one_page("a", "b"))
    assert kept == []


@pytest.mark.invariant("3.5")
@pytest.mark.parametrize("books", [Books(read=1), Books(absent=1)], ids=["a record too few", "an absent one too few"])
async def test_a_delivery_that_accounts_for_less_than_it_read_is_an_error(books: Books):
    with pytest.raises(BooksError):
        await delivery(Answering({}), [], books=books).run(one_page("a", "b"))


class Lying(Answering):
    """Answers something that cannot be."""

    def __init__(self, answers: list[Any]) -> None:
        super().__init__({})
        self.lies = answers

    async def write(self, operations: Sequence[Operation]) -> Sequence[ItemResult]:
        return self.lies


@pytest.mark.invariant("3.1")
@pytest.mark.parametrize(
    "answers",
    [
        [],
        [Outcome.WRITTEN],
        [Outcome.WRITTEN] * 3,
        [None, Outcome.WRITTEN],
        [Outcome.FILTERED] * 2,
        [Outcome.DELETED] * 2,
    ],
    ids=str,
)
async def test_answers_that_cannot_be_fail_the_batch_and_name_the_connector(answers: list[Any]):
    with pytest.raises(AnswerError, match=r"Lying answered .*: its connector is wrong"):
        await delivery(Lying(answers), []).run(one_page("a", "b"))
