"""What is taken as a stop word or a synonym rule, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.connectors.elasticsearch.synonyms import rule_problem, rule_sides
from sync_pipeline.pipelines.store_search.words import rules as words
from sync_pipeline.pipelines.store_search.words.rules import Checked, Entry, MalformedWordsError, all_stop_words


def stop_words(*given: str) -> Checked:
    return words.stop_words(map(Entry, given))


def synonym_rules(*given: str, language: str = "en", own: tuple[str, ...] = ()) -> Checked:
    return words.synonym_rules(map(Entry, given), stop_words=lambda: all_stop_words(language, own))


def test_words_and_rules_get_one_spelling():
    assert stop_words("The", " und ", "E\u0301te\u0301").entries == ["the", "und", "été"]
    assert synonym_rules("Phone,mobile ,  cell\tphone", "tv=>television", "a\u00a0b,c").entries == [
        "phone, mobile, cell phone",
        "tv => television",
        "a b, c",
    ]


def test_an_escaped_comma_stays_in_its_term():
    assert synonym_rules("C\\,D,seedee => disc\\, compact").entries == ["c\\,d, seedee => disc\\, compact"]
    assert rule_sides("c\\,d,e") == [["c\\,d", "e"]]
    assert rule_sides("back\\\\,slash") == [["back\\\\", "slash"]]


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=9), min_size=2), st.booleans())
def test_a_spelling_is_final(terms: list[str], arrow: bool):
    rule = " , ".join(terms[:-1]) + ("=>" if arrow else ",") + terms[-1]
    once = words.synonym_rules([Entry(rule)]).entries
    assert words.synonym_rules(map(Entry, once)).entries == once
    assert rule_problem(once[0]) is None


MALFORMED_RULES = [
    *("", "alone", "a,", "=> b", "a =>", "a => b => c", ", ,", "# note", "q, b\nc", "q\\=>b, c"),
    *("q\x00, b", "q\x07, b", "q\udc80, b", "q, " + "long " * 400),
]


@pytest.mark.parametrize("rule", MALFORMED_RULES)
def test_malformed_rules_are_refused_with_a_reason(rule: str):
    with pytest.raises(MalformedWordsError, match="the synonym rule") as refusal:
        synonym_rules("phone, mobile", rule)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("word", ["", " ", "of the", "a\nb", "a\x00", "\udc80b", "...", "w" * 256])
def test_a_stop_word_is_one_word(word: str):
    with pytest.raises(MalformedWordsError, match="stop word"):
        stop_words("the", word)


def test_the_first_malformed_entry_is_named_with_its_place_and_all_are_counted():
    given = [
        Entry("phone, mobile", "line 1"),
        Entry("alone", "line 2"),
        Entry("tv, the", "line 5"),
        Entry(",", "line 9"),
    ]
    with pytest.raises(MalformedWordsError) as refusal:
        words.synonym_rules(given, stop_words=lambda: ["the"])
    assert str(refusal.value) == (
        "line 2: the synonym rule 'alone' needs two terms, as in: phone, mobile "
        "(3 malformed in all; nothing was changed)"
    )


@pytest.mark.parametrize(
    ("rule", "side"),
    [
        *(("the => telly", "the"), ("telly => the", "the"), ("The , telly", "the"), ("telly, of the", "of the")),
        *(("telly, Für => television", "für"), ("telly => the, of", "the, of"), ("so-so => poor", "so-so")),
    ],
)
def test_a_side_of_stop_words_only_is_refused(rule: str, side: str):
    with pytest.raises(MalformedWordsError) as refusal:
        synonym_rules(rule, own=("fur",))
    assert f"has a side of stop words only ({side})" in str(refusal.value)
    assert synonym_rules(rule, language="").warnings == []


@pytest.mark.parametrize(
    ("rule", "inside"),
    [
        *(
            ("state of the art => modern", "of, the"),
            ("modern, state of the art", "of, the"),
            ("tv => the telly", "the"),
        ),
        *(("tv => telly, the", "the"), ("L'Été und mehr, sommer", "und")),
    ],
)
def test_a_stop_word_inside_a_rule_is_taken_with_a_warning(rule: str, inside: str):
    checked = words.synonym_rules([Entry(rule, "line 7")], stop_words=lambda: all_stop_words("en", ["und"]))
    assert len(checked.entries) == 1
    [warning] = checked.warnings
    assert warning.startswith("line 7: the synonym rule ")
    assert f"has stop words inside ({inside})" in warning


def test_rules_without_stop_words_say_nothing():
    assert synonym_rules("phone, mobile", "there, those who => them alike", language="tlh").warnings == []
    assert synonym_rules("theatre, cinema", "an-droid => robot", own=("cine",), language="xx").warnings == []


def test_a_stop_word_that_searches_cut_in_pieces_is_warned_of():
    checked = stop_words("t-shirt", "men's", "3.5", "l’eau")
    assert checked.entries == ["t-shirt", "men's", "3.5", "l’eau"]
    [warning] = checked.warnings
    assert "'t-shirt' is several words for a search (t, shirt)" in warning


def test_nothing_given_is_nothing_taken():
    assert stop_words() == Checked()
    assert words.synonym_rules([], stop_words=lambda: pytest.fail("asked in vain")) == Checked()


def test_a_stores_list_is_its_languages_and_its_own():
    assert {"the", "und"} < set(all_stop_words("en-GB", ["und", "the"]))
    assert all_stop_words("", ["und"]) == all_stop_words("tlh", ["und"]) == all_stop_words(None, ["und"]) == ["und"]
