"""What Elasticsearch's text analysis needs to know about a store's language.

What belongs here: the mapping from BigCommerce's language code to a stemmer, elided articles and default stop words.
What does not: analyzers (definition.py) and the words themselves (stop_word_lists.py).

A stemmer is listed only if Elasticsearch has it built in (reference: "Stemmer token filter"), under a name that every
engine the project runs on knows, and if it works on words without accents, which rules Turkish out (vowel harmony). For
English it is Porter 2, which also takes "men's" for "men".
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from sync_pipeline.pipelines.store_search.index.stop_word_lists import STOP_WORDS

_STEMMERS = {
    "en": "porter2",
    "de": "german",
    "fr": "light_french",
    "es": "light_spanish",
    "it": "light_italian",
    "nl": "dutch",
    "pt": "light_portuguese",
    "sv": "swedish",
    "da": "danish",
    "no": "norwegian",
    "fi": "finnish",
    "ro": "romanian",
    "hu": "hungarian",
    "ru": "russian",
}
_ELISIONS = {
    "fr": ("c", "d", "j", "l", "m", "n", "qu", "s", "t", "jusqu", "lorsqu", "puisqu", "quoiqu"),
    "it": ("all", "c", "d", "dall", "dell", "l", "nell", "quest", "sull", "un", "v"),
}
_ALIASES = {"nb": "no", "nn": "no"}
#: Letters that Unicode does not decompose but Lucene's ASCII folding replaces.
_FOLDED = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "þ": "th", "ð": "d", "ı": "i"})


@dataclass(slots=True, frozen=True)
class Language:
    """A language as text analysis sees it.

    ``code`` is the ISO 639-1 code, or ``standard`` for a language without rules of its own, which has no ``stemmer``
    and no ``stop_words``. ``elisions`` are articles written onto the next word ("l'eau").
    """

    code: str
    stemmer: str | None = None
    stop_words: tuple[str, ...] = ()
    elisions: tuple[str, ...] = ()


STANDARD = Language("standard")


def language(code: str | None) -> Language:
    """Returns the language of a code such as ``en``, ``EN``, ``en-US`` or ``pt_BR``.

    STANDARD for an unknown one or None.
    """
    primary = (code or "").strip().lower().replace("_", "-").partition("-")[0]
    primary = _ALIASES.get(primary, primary)
    if primary not in _STEMMERS:
        return STANDARD
    return Language(
        primary,
        stemmer=_STEMMERS[primary],
        stop_words=tuple(STOP_WORDS[primary].split()),
        elisions=_ELISIONS.get(primary, ()),
    )


def fold(word: str) -> str:
    """Returns the word in lower case and without accents, as Lucene's ``lowercase`` and ``asciifolding`` leave it.

    Letters outside the Latin script stay as they are.
    """
    lowered = word.strip().lower().translate(_FOLDED)
    return "".join(_without_accent(letter) for letter in unicodedata.normalize("NFC", lowered))


def _without_accent(letter: str) -> str:
    base = unicodedata.normalize("NFD", letter)[0]
    return base if base.isascii() else letter
