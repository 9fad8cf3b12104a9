"""What a store's language code means for text analysis."""

from __future__ import annotations

import pytest

from sync_pipeline.pipelines.store_search.index.languages import STANDARD, fold, language
from sync_pipeline.pipelines.store_search.index.stop_word_lists import STOP_WORDS


@pytest.mark.parametrize(
    ("code", "expected"),
    [("en", "en"), ("EN", "en"), ("en-US", "en"), ("pt_BR", "pt"), (" de-AT ", "de"), ("nb", "no"), ("nn-NO", "no")],
)
def test_a_code_is_understood_in_every_spelling(code: str, expected: str) -> None:
    assert language(code).code == expected
    assert language(code).stemmer
    assert language(code).stop_words


@pytest.mark.parametrize("code", [None, "", "xx", "english", "zh-CN", "-"])
def test_an_unknown_language_has_no_rules_of_its_own(code: str | None) -> None:
    assert language(code) is STANDARD
    assert (STANDARD.stemmer, STANDARD.stop_words, STANDARD.elisions) == (None, (), ())


@pytest.mark.parametrize("code", sorted(STOP_WORDS))
def test_each_stop_list_is_of_distinct_single_words_in_lower_case(code: str) -> None:
    words = language(code).stop_words
    assert len(words) == len(set(words)) > 20
    assert all(word == word.lower() and word.isalpha() for word in words)


def test_english_lists_what_the_specification_names_and_keeps_negations() -> None:
    assert {"the", "and", "a"} <= set(language("en").stop_words)
    assert not {"not", "no", "without"} & set(language("en").stop_words)


@pytest.mark.parametrize(
    ("word", "folded"),
    [
        *((" Für ", "fur"), ("ÉTÉ", "ete"), ("straße", "strasse"), ("Ærø", "aero"), ("cœur", "coeur")),
        *(("łódź", "lodz"), ("ışık", "isik"), ("для", "для"), ("ё", "ё"), ("e\u0301", "e"), ("14K", "14k")),
    ],
)
def test_folding_drops_case_and_latin_accents(word: str, folded: str) -> None:
    assert fold(word) == folded
