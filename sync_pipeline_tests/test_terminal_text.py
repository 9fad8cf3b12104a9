"""What a terminal is shown of text that steers it, and what machines get."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.terminal_text import escaped, escaped_json

TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}

texts = st.text(
    st.characters(exclude_categories=()) | st.sampled_from("\x00\x07\x1b\x7f\x9b\u200f\u202e\u2066\ud800\n[]")
)


def steers(character: str) -> bool:
    """Whether a terminal obeys the character, or shows others in another order because of it."""
    unseen = unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
    return unseen or unicodedata.bidirectional(character) in TURNS or character in "\u061c\u200e\u200f"


@given(texts)
def test_escaped_text_steers_no_terminal_and_keeps_the_rest(text: str):
    shown = escaped(text)
    assert not [character for character in shown if steers(character)]
    assert escaped(shown) == shown
    if not any(steers(character) or unicodedata.category(character) == "Cf" for character in text):
        assert shown == text


@given(st.recursive(texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=8))
def test_escaped_json_means_the_same_and_steers_no_terminal(value):
    shown = escaped_json(json.dumps(value, indent=2, ensure_ascii=False))
    assert not [character for character in shown if steers(character) and character != "\n"]
    assert json.loads(shown) == value
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
        ("\x9b31mred", r"\x9b31mred"),
        ("invoice\u202egnp.exe", r"invoice\u202egnp.exe"),
        ("two\nlines\r", r"two\nlines\r"),
        ("Grün, 긴 의자, नमस्ते, می‌خواهم, 👩‍👧", "Grün, 긴 의자, नमस्ते, می‌خواهم, 👩‍👧"),
    ],
)
def test_escapes_are_those_of_python_and_words_stay(text: str, shown: str):
    assert escaped(text) == shown
