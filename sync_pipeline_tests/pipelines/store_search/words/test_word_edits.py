"""Edits of a store's words: all or none, bounded, and safe when several are made at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.secrets import new_key_entry, parse_keys
from sync_pipeline.connectors.elasticsearch.synonyms import MAX_RULES
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.stores.stores import Stores, TooManyWordsError, UnknownStoreError
from sync_pipeline.pipelines.store_search.words import edits as word_edits
from sync_pipeline.pipelines.store_search.words.edits import MAX_STOP_WORDS, Edit
from sync_pipeline.pipelines.store_search.words.rules import Entry


@pytest.fixture
def stores(ledger: Ledger) -> Stores:
    made = Stores(ledger, parse_keys(new_key_entry("test")))
    made.save("abc", name="Shop", token="t", language="en")
    return made


def rules(*texts: str) -> list[Entry]:
    return [Entry(text) for text in texts]


def at_once(*edits: Callable[[], Any]) -> list[Any]:
    """What each edit gave or raised, all started at the same moment."""
    barrier = Barrier(len(edits))

    def run(edit: Callable[[], Any]) -> Any:
        barrier.wait(timeout=30)
        try:
            return edit()
        except UsageError as error:
            return error

    with ThreadPoolExecutor(len(edits)) as threads:
        return list(threads.map(run, edits))


def test_one_malformed_entry_stops_all(stores: Stores):
    with pytest.raises(UsageError, match="needs two terms"):
        word_edits.add_synonym_rules(stores, "abc", rules("phone, mobile", "alone"))
    with pytest.raises(UsageError, match="one word"):
        word_edits.add_stop_words(stores, "abc", rules("please", "thank you"))
    assert (stores.synonym_rules("abc"), stores.stop_words("abc")) == ([], [])


def test_duplicates_collapse_whatever_their_spelling(stores: Stores):
    assert word_edits.add_synonym_rules(stores, "abc", rules("phone,mobile", "Phone,  Mobile", "a2 => b2")).changed == 2
    assert word_edits.add_synonym_rules(stores, "abc", rules("PHONE, mobile")).changed == 0
    assert word_edits.add_stop_words(stores, "abc", rules("Please", "please")).changed == 1
    assert word_edits.remove_synonym_rules(stores, "abc", rules("Phone,mobile", "absent, rule")) == Edit(1)
    assert stores.synonym_rules("abc") == ["a2 => b2"]


def test_stop_words_of_language_and_store_count_for_rules(stores: Stores):
    word_edits.add_stop_words(stores, "abc", rules("Bitte"))
    for rule in ("the => telly", "bitte => telly"):
        with pytest.raises(UsageError, match="a side of stop words only"):
            word_edits.add_synonym_rules(stores, "abc", rules(rule))
    [warning] = word_edits.add_synonym_rules(stores, "abc", rules("telly bitte, tv")).warnings
    assert "(bitte)" in warning


def test_a_stop_word_that_spoils_a_rule_is_warned_of_and_the_rule_can_be_removed(stores: Stores):
    word_edits.add_synonym_rules(stores, "abc", rules("telly => television", "phone, mobile"))
    [warning] = word_edits.add_stop_words(stores, "abc", rules("telly")).warnings
    assert warning.startswith("the synonym rule 'telly => television' now has a side of stop words only")
    assert word_edits.add_stop_words(stores, "abc", rules("telly", "else")).warnings == []
    assert word_edits.remove_synonym_rules(stores, "abc", rules("telly => television")).changed == 1


@pytest.mark.parametrize(
    ("add", "text", "listed", "most"),
    [
        (word_edits.add_stop_words, "word{}", Stores.stop_words, MAX_STOP_WORDS),
        (word_edits.add_synonym_rules, "left{} => right{}", Stores.synonym_rules, MAX_RULES),
    ],
)
def test_the_most_there_may_be_are_taken_and_one_more_changes_nothing(
    stores: Stores, add: Callable[..., Edit], text: str, listed: Callable[[Stores, str], list[str]], most: int
):
    texts = [text.format(number, number) for number in range(most + 1)]
    with pytest.raises(TooManyWordsError, match=f"would have {most + 1} .*, {most} is the most: nothing was changed"):
        add(stores, "abc", rules(*texts))
    assert listed(stores, "abc") == []
    assert add(stores, "abc", rules(*texts[:most])).changed == most
    with pytest.raises(TooManyWordsError, match=f"would have {most + 1} "):
        add(stores, "abc", rules("one, more" if "=>" in text else "more"))
    assert len(listed(stores, "abc")) == most
    assert add(stores, "abc", rules(texts[7])).changed == 0


def test_nothing_to_add_is_fine_and_an_unknown_store_is_not(stores: Stores):
    assert (
        word_edits.add_stop_words(stores, "abc", []) == word_edits.add_synonym_rules(stores, "abc", []) == Edit(0, [])
    )
    for edit in (word_edits.add_stop_words, word_edits.add_synonym_rules, word_edits.remove_stop_words):
        with pytest.raises(UnknownStoreError):
            edit(stores, "nope", [])


def test_additions_at_the_same_time_all_count_once(stores: Stores):
    texts = [f"left{number} => right{number}" for number in range(2000)]
    forward, backward = rules(*texts), rules(*reversed(texts))
    edits = at_once(
        lambda: word_edits.add_synonym_rules(stores, "abc", forward),
        lambda: word_edits.add_synonym_rules(stores, "abc", backward),
        lambda: word_edits.add_stop_words(stores, "abc", rules("please")),
    )
    assert sorted(edit.changed for edit in edits) == [0, 1, 2000]
    assert stores.synonym_rules("abc") == sorted(texts)


def test_additions_at_the_same_time_do_not_pass_the_bound_together(stores: Stores):
    def add(side: str) -> Callable[[], Edit]:
        given = rules(*(f"{side}{number}, other" for number in range(MAX_RULES // 2 + 1)))
        return lambda: word_edits.add_synonym_rules(stores, "abc", given)

    first, second = at_once(add("left"), add("right"))
    assert {type(first), type(second)} == {Edit, TooManyWordsError}
    assert len(stores.synonym_rules("abc")) == MAX_RULES // 2 + 1
