"""What counts as a stop word and as a synonym rule: checked and in one spelling, before the ledger keeps them. Pure.

Searches apply synonyms first and then drop stop words. So a rule that turns a stop word into something else would
change nearly every search, and a rule that turns something into stop words would leave nothing to search for: both are
refused. Inside a longer term ("state of the art") a stop word is fine, and worth a warning.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sync_pipeline.connectors.elasticsearch.synonyms import rule_problem, rule_sides
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.index.languages import fold, language

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

#: Longer words are cut in pieces by Elasticsearch's standard tokenizer (``max_token_length``), and match nothing.
MAX_STOP_WORD = 255
#: In bytes of UTF-8: the ledger's index takes no longer key.
MAX_RULE = 2000

#: A word as the standard tokenizer cuts text, near enough: "men's" and "3.5" are one, "t-shirt" is two.
_WORD = re.compile(r"\w+(?:['’.]\w+)*")
#: Control characters, and what is left of bytes that were no UTF-8.
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class MalformedWordsError(UsageError):
    """An entry cannot be a stop word or a synonym rule. None of the entries given with it was taken."""

    kind = "malformed_words"


@dataclass(frozen=True, slots=True)
class Entry:
    """A stop word or rule as given; ``where`` it stands ("line 3 of words.txt") if that is not obvious."""

    text: str
    where: str = ""

    def says(self, what: str) -> str:
        """Returns ``what``, after the place."""
        return f"{self.where}: {what}" if self.where else what


@dataclass(frozen=True)
class Checked:
    """Entries in their one spelling, in the order given, and what is odd about some of them."""

    entries: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def all_stop_words(language_code: str | None, own: Iterable[str]) -> list[str]:
    """Returns the language's stop words and the store's own, sorted."""
    return sorted({*language(language_code).stop_words, *own})


def stop_words(entries: Iterable[Entry]) -> Checked:
    """Returns the words in lower case. Raises MalformedWordsError for one that is empty, has spaces or is no word."""
    checked, problems = Checked(), []
    for entry in entries:
        word = _spelt(entry.text)
        if problem := _stop_word_problem(word):
            problems.append((entry, problem))
            continue
        checked.entries.append(word)
        if len(parts := _WORD.findall(word)) > 1:
            odd = f"{word!r} is several words for a search ({', '.join(parts)}): as a stop word it does nothing"
            checked.warnings.append(entry.says(odd))
    _refuse(problems)
    return checked


def synonym_rules(entries: Iterable[Entry], *, stop_words: Callable[[], Iterable[str]] = tuple) -> Checked:
    """Returns the rules in lower case and with single blanks; a rule with a stop word in a term is warned of.

    ``stop_words`` gives the store's whole list; it is asked once, when there is a rule to compare with it. Raises
    MalformedWordsError for a rule that is not of the Solr form ``a, b`` or ``a => b``, is too long for the ledger, or
    has a side of stop words only; each term of ``a, b`` stands on both sides.
    """
    checked, problems = Checked(), []
    stops: set[str] | None = None
    for entry in entries:
        rule = _spelt(entry.text)
        problem = rule_problem(entry.text) or _text_problem(rule) or _length_problem(rule)
        if problem is None:
            stops = {fold(word) for word in stop_words()} if stops is None else stops
            problem = side_problem(rule, stops)
        if problem is not None:
            problems.append((entry, f"the synonym rule {_short(rule)} {problem}"))
            continue
        checked.entries.append(_rule(rule))
        if inside := _stop_words_inside(rule, stops or ()):
            odd = f"the synonym rule {_short(rule)} has stop words inside ({inside}): matched, but not searched for"
            checked.warnings.append(entry.says(odd))
    _refuse(problems)
    return checked


def side_problem(rule: str, stops: Collection[str]) -> str | None:
    """Returns whether a well-formed rule has a side of stop words (folded) only, and why that is bad.

    None if it has not.
    """
    left, *right = rule_sides(rule)
    for term in left:
        if all(word in stops for word in _words(term)):
            return f"has a side of stop words only ({term}): nearly every search would become another"
    if right and all(word in stops for term in right[0] for word in _words(term)):
        return f"has a side of stop words only ({', '.join(right[0])}): searches ignore them and would find nothing"
    return None


def _stop_words_inside(rule: str, stops: Collection[str]) -> str:
    found = (word for side in rule_sides(rule) for term in side for word in _words(term) if word in stops)
    return ", ".join(dict.fromkeys(found))


def _words(term: str) -> list[str]:
    return [fold(word) for word in _WORD.findall(term.replace("\\", ""))]


def _rule(rule: str) -> str:
    return " => ".join(", ".join(side) for side in rule_sides(rule))


def _spelt(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text.lower()).split())


def _stop_word_problem(word: str) -> str | None:
    if len(word.split()) != 1:
        return f"a stop word is one word without spaces, not {_short(word)}"
    if problem := _text_problem(word):
        return f"the stop word {_short(word)} {problem}"
    if not any(letter.isalnum() for letter in word):
        return f"the stop word {_short(word)} has no letter or digit"
    if len(word) > MAX_STOP_WORD:
        return f"the stop word {_short(word)} has more than {MAX_STOP_WORD} characters"
    return None


def _text_problem(text: str) -> str | None:
    return "has a control character" if _NO_TEXT.search(text) else None


def _length_problem(rule: str) -> str | None:
    return f"has more than {MAX_RULE} bytes" if len(rule.encode()) > MAX_RULE else None


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")


def _refuse(problems: Sequence[tuple[Entry, str]]) -> None:
    if not problems:
        return
    entry, first = problems[0]
    many = f" ({len(problems)} malformed in all; nothing was changed)" if entry.where or len(problems) > 1 else ""
    raise MalformedWordsError(f"{entry.says(first)}{many}")
