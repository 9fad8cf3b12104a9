"""The books by record: one of several documents counts once, with its worst outcome, when the last one is settled."""

from __future__ import annotations

import pytest

from sync_pipeline.delivery.books import Books, BooksError
from sync_pipeline.operations import Action, Filtered, Operation, Outcome, Unchanged

CHUNKS = [Operation(f"row-1#{number}", 1, body=b"{}", record="row-1") for number in range(3)]


@pytest.mark.invariant("3.1")
def test_record_of_several_documents_counts_once_with_its_worst():
    books = Books()
    books.enter(CHUNKS)
    books.settle(CHUNKS[0], Outcome.DEAD_LETTERED, "too_large")
    books.settle(CHUNKS[1], Outcome.WRITTEN)
    assert (books.read, books.accounted) == (1, 0)
    with pytest.raises(BooksError):
        books.check()
    books.settle(CHUNKS[2], Outcome.UNCHANGED)
    books.check()
    assert dict(books.outcomes) == {Outcome.DEAD_LETTERED: 1}
    assert dict(books.reasons) == {"dead_lettered:too_large": 1}


@pytest.mark.invariant("3.1")
def test_record_that_is_read_twice_counts_twice():
    books = Books()
    books.enter(CHUNKS[:1])
    books.enter(CHUNKS[:2])
    for item in (CHUNKS[0], CHUNKS[0], CHUNKS[1]):
        books.settle(item, Outcome.WRITTEN)
    books.check()
    assert (books.read, books.outcomes[Outcome.WRITTEN]) == (2, 2)


@pytest.mark.invariant("3.2")
def test_record_is_absent_only_if_nothing_of_it_was_read():
    gone = [Operation(f"row-2#{number}", 1, Action.DELETE, absent=True, record="row-2") for number in range(2)]
    shorter = [Unchanged("row-3#0", 1, "row-3"), Operation("row-3#1", 1, Action.DELETE, record="row-3")]
    books = Books()
    books.enter([*gone, *shorter, Filtered("row-4", "draft")])
    assert (books.read, books.absent) == (2, 1)
    for item in gone:
        books.settle(item, Outcome.DELETED)
    books.settle(shorter[0], Outcome.UNCHANGED)
    books.settle(shorter[1], Outcome.DELETED)
    books.settle(Filtered("row-4", "draft"), Outcome.FILTERED, "draft")
    books.check()
    assert dict(books.outcomes) == {Outcome.DELETED: 2, Outcome.FILTERED: 1}
