"""Dead letters by version: an older outcome or failure never touches a newer letter, and payloads are read in few."""

from __future__ import annotations

import tracemalloc

import pytest
from sqlalchemy import text
from sqlalchemy.orm.exc import DetachedInstanceError

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.delivery.dead_letters import (
    MAX_PAYLOAD_BYTES,
    DeadLetters,
    LetterState,
    end_letter,
    find_letters,
    get_letter,
    stream_letters,
)
from sync_pipeline.operations import Rejected

SCOPE = "toy:one"


def letters(ledger: Ledger, batch: int = 1) -> DeadLetters:
    return DeadLetters(ledger, "toy", SCOPE, batch)


def failure(key: str, version: int, message: str = "no") -> Rejected:
    return Rejected(key, "malformed", message, b"payload", version)


def states(ledger: Ledger) -> dict[str, tuple[str, int]]:
    return {letter.key: (letter.state, letter.version) for letter in find_letters(ledger)}


def test_letter_is_superseded_by_a_newer_outcome_only(ledger: Ledger):
    letters(ledger).add([failure("old", 5), failure("same", 5), failure("new", 5)])
    letters(ledger, batch=2).supersede({"old": 4, "same": 5, "new": 6, "other": 9})
    assert states(ledger) == {"old": ("open", 5), "same": ("open", 5), "new": ("superseded", 5)}


def test_letter_that_became_newer_after_it_was_read_stays(ledger: Ledger):
    letters(ledger).add([failure("a", 5)])
    reader = letters(ledger, batch=2)
    reader.supersede({})
    letters(ledger, batch=3).add([failure("a", 9)])
    reader.supersede({"a": 7})
    assert states(ledger) == {"a": ("open", 9)}


def test_letter_of_the_same_batch_is_superseded_by_its_newer_outcome(ledger: Ledger):
    own = letters(ledger)
    own.supersede({"a": 1})
    own.add([failure("a", 5)])
    own.supersede({"a": 6})
    assert states(ledger) == {"a": ("superseded", 5)}


def test_letter_is_not_overwritten_by_an_older_failure(ledger: Ledger):
    letters(ledger).add([failure("a", 7, "the newer")])
    letters(ledger, batch=2).add([failure("a", 3, "the older")])
    [letter] = find_letters(ledger)
    assert (letter.version, letter.last_error, letter.attempts, letter.batch_id) == (7, "the newer", 1, 1)


def test_newest_failure_of_a_key_is_kept_whatever_their_order(ledger: Ledger):
    letters(ledger).add([failure("a", 7, "the newer"), failure("a", 3, "the older")])
    [letter] = find_letters(ledger)
    assert (letter.version, letter.last_error) == (7, "the newer")


def test_letters_older_than_a_whole_reading_are_superseded(ledger: Ledger):
    letters(ledger).add([failure("a", 5), failure("b", 8), failure("elsewhere", 5)])
    letters(ledger, batch=2).supersede_all(lambda key: key != "elsewhere", version=8)
    assert {key: state for key, (state, _) in states(ledger).items()} == {
        "a": "superseded",
        "b": "open",
        "elsewhere": "open",
    }


def test_listing_loads_no_payloads_and_export_streams_them(ledger: Ledger):
    letters(ledger).add([Rejected(f"k{n}", "malformed", "no", b"x" * MAX_PAYLOAD_BYTES, n) for n in range(200)])
    with pytest.raises(DetachedInstanceError, match="payload"):
        _ = find_letters(ledger)[0].payload
    tracemalloc.start()
    sizes = [len(letter.payload) for letter in stream_letters(ledger)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sizes == [MAX_PAYLOAD_BYTES] * 200
    assert peak < 150 * MAX_PAYLOAD_BYTES  # 200 letters would take more, and 20 at a time far less


def test_export_holds_no_transaction_while_its_reader_pauses(ledger: Ledger):
    letters(ledger).add([failure(f"k{n}", n + 1) for n in range(45)])
    reader = stream_letters(ledger)
    first = next(reader)
    with ledger.session() as session:
        open_ones = session.scalar(
            text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'")
        )
    assert open_ones == 0
    assert len({first.key, *(letter.key for letter in reader)}) == 45


def test_ended_letter_is_not_superseded(ledger: Ledger):
    letters(ledger).add([failure("a", 5)])
    [letter] = find_letters(ledger, scope=SCOPE, state=LetterState.OPEN)
    end_letter(ledger, letter.id, LetterState.DISCARDED)
    letters(ledger, batch=2).supersede({"a": 6})
    assert get_letter(ledger, letter.id).state == "discarded"
