"""What is taken as a stop word or a synonym rule, and what is refused."""

import pytest

from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.words import stop_words, synonym_rules


def test_words_and_rules_get_one_spelling():
    assert stop_words(["The", " und "]) == ["the", "und"]
    assert synonym_rules(["phone,mobile ,  cell  phone", "tv=>television"]) == [
        "phone, mobile, cell phone",
        "tv => television",
    ]


@pytest.mark.parametrize("rule", ["", "alone", "a,", "=> b", "a =>", "a => b => c", ", ,", "# note", "a, b\nc"])
def test_malformed_rules_are_refused_with_a_reason(rule: str):
    with pytest.raises(UsageError, match="the synonym rule"):
        synonym_rules(["phone, mobile", rule])


@pytest.mark.parametrize("word", ["", " ", "of the"])
def test_a_stop_word_is_one_word(word: str):
    with pytest.raises(UsageError, match="one word without spaces"):
        stop_words(["the", word])
