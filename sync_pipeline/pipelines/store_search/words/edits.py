"""Edits of a store's own stop words and synonym rules: checked, then kept in the ledger, all of them or none.

What belongs here: what a command may do with a store's words, and the bounds. What does not: what a word or a rule is
(rules.py), and how words reach searches (apply.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sync_pipeline.connectors.elasticsearch.synonyms import MAX_RULES
from sync_pipeline.pipelines.store_search.index.languages import fold
from sync_pipeline.pipelines.store_search.words import rules as words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sync_pipeline.pipelines.store_search.stores.stores import Stores
    from sync_pipeline.pipelines.store_search.words.rules import Entry

#: Each is a setting of three indices and thereby part of the cluster's state, which every node keeps in memory: 100,000
#: took Elasticsearch 9.4 a second for every index made, 10,000 a tenth of that.
MAX_STOP_WORDS = 10_000


@dataclass(frozen=True)
class Edit:
    """What an edit did: how many words or rules are new or gone, and what is odd about those given."""

    changed: int
    warnings: Sequence[str] = ()


def add_stop_words(stores: Stores, store_hash: str, entries: Iterable[Entry]) -> Edit:
    """Adds stop words; warns of synonym rules of which they leave a side with stop words only.

    Raises MalformedWordsError, TooManyWordsError, UnknownStoreError, each with nothing changed.
    """
    checked = words.stop_words(entries)
    before = {fold(word) for word in all_stop_words(stores, store_hash)}
    changed = stores.add_stop_words(store_hash, checked.entries, at_most=MAX_STOP_WORDS)
    after = before | {fold(word) for word in checked.entries}
    spoilt = [
        f"the synonym rule {rule!r} now {problem}"
        for rule in (stores.synonym_rules(store_hash) if after != before else ())
        if (problem := words.side_problem(rule, after)) and not words.side_problem(rule, before)
    ]
    return Edit(changed, [*checked.warnings, *spoilt])


def remove_stop_words(stores: Stores, store_hash: str, entries: Iterable[Entry]) -> Edit:
    """Removes stop words of the store's own. Raises as ``add_stop_words``."""
    return Edit(stores.remove_stop_words(store_hash, words.stop_words(entries).entries))


def add_synonym_rules(stores: Stores, store_hash: str, entries: Iterable[Entry]) -> Edit:
    """Adds synonym rules; warns of stop words in them.

    Raises MalformedWordsError, TooManyWordsError, UnknownStoreError, each with nothing changed.
    """
    checked = words.synonym_rules(entries, stop_words=lambda: all_stop_words(stores, store_hash))
    changed = stores.add_synonym_rules(store_hash, checked.entries, at_most=MAX_RULES)
    return Edit(changed, checked.warnings)


def remove_synonym_rules(stores: Stores, store_hash: str, entries: Iterable[Entry]) -> Edit:
    """Removes synonym rules, also such as could not be added any more. Raises as ``add_synonym_rules``."""
    return Edit(stores.remove_synonym_rules(store_hash, words.synonym_rules(entries).entries))


def all_stop_words(stores: Stores, store_hash: str) -> list[str]:
    """Returns every stop word of the store's searches: its language's and its own. Raises UnknownStoreError."""
    return words.all_stop_words(stores.get(store_hash).language, stores.stop_words(store_hash))
