"""What counts as a stop word and as a synonym rule: checked and in one spelling, before the ledger keeps them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.connectors.elasticsearch.synonyms import rule_problem
from sync_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


def stop_words(words: Iterable[str]) -> list[str]:
    """The words in lower case. Raises UsageError for one that is empty or has spaces."""
    cleaned = [word.strip().lower() for word in words]
    for word in cleaned:
        if len(word.split()) != 1:
            raise UsageError(f"a stop word is one word without spaces, not {word!r}")
    return cleaned


def synonym_rules(rules: Iterable[str]) -> list[str]:
    """The rules with single blanks. Raises UsageError for one that is not of the Solr form `a, b` or `a => b`."""
    cleaned = []
    for rule in rules:
        if problem := rule_problem(rule):
            raise UsageError(f"the synonym rule {rule.strip()!r} {problem}")
        left, arrow, right = rule.partition("=>")
        sides = [", ".join(" ".join(term.split()) for term in side.split(",")) for side in (left, right)]
        cleaned.append(" => ".join(sides) if arrow else sides[0])
    return cleaned
