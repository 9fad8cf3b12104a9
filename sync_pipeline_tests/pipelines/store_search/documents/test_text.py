from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.pipelines.store_search.documents.text import (
    MAX_MARKUP,
    MAX_TEXT,
    comma_list,
    html_to_text,
    one_line,
    scalar_text,
    shortened,
)


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (None, None),
        ("", None),
        (" \n\t\xa0 ", None),
        ("<p> </p>", None),
        ("plain  text\n", "plain text"),
        ("5 > 4", "5 > 4"),
        ("Salt & pepper &amp; &eacute;&#233;&nbsp;x", "Salt & pepper & éé x"),
        ("size < 10 & > 5", "size < 10 & > 5"),
        ("&lt;b&gt; is a tag", "<b> is a tag"),
        ("<p>One</p><p>two</p>", "One two"),
        ("<b>H</b>ello <em>wor</em>ld", "Hello world"),
        ("<ul><li>2.5 inch</li><li>18K gold</li></ul>", "2.5 inch 18K gold"),
        ("a<br>b<BR/>c<hr>d", "a b c d"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("<P CLASS='x'>One</P><DIV>two</DIV>", "One two"),
        ("a<script>track('<p>x</p>')</script>b<STYLE>.x{}</STYLE>c", "abc"),
        ("<p>a</p><script>never ends", "a"),
        ("<!-- no -->a<!-- <p>no</p> -->", "a"),
        ("<template><p>no</p></template><noscript>no</noscript><iframe>no</iframe>a", "a"),
        ("<html><head><title>no</title><style>no</style></head><body>a</body></html>", "a"),
        ("<img src=\"x.png\" alt='<p>'>a", "a"),
        ("<p>unclosed <b>bold", "unclosed bold"),
        ("<frameset><frame></frameset>", None),
        ("<p>\x00a</p>", "a"),
    ],
)
def test_markup_becomes_the_text_that_a_shopper_reads(markup: str | None, text: str | None) -> None:
    assert html_to_text(markup) == text


def test_text_is_cut_at_the_end_of_a_word() -> None:
    assert html_to_text("<p>" + "word " * 100 + "</p>", limit=11) == "word word"
    assert html_to_text("word " * 100, limit=9) == "word word"
    assert html_to_text("x" * 100, limit=7) == "x" * 7
    assert html_to_text("<p>" + "long " * MAX_TEXT) is not None
    assert len(html_to_text("long " * MAX_TEXT) or "") <= MAX_TEXT


def test_an_embedded_image_does_not_push_the_text_out() -> None:
    image = f'<img src="data:image/png;base64,{"A" * (MAX_MARKUP + 1)}">'
    assert html_to_text(f"<p>before</p>{image}<p>data: 5 < 6") == "before data: 5 < 6"


def test_only_the_first_part_of_huge_markup_is_read() -> None:
    text = html_to_text("<p>start</p>" + "<i></i>" * MAX_MARKUP + "<p>end</p>")
    assert text == "start"


@given(st.text(max_size=40) | st.lists(st.sampled_from(["<p>", "</p>", "<b", ">", "&", "amp;", "<script>", " ", "x"])))
def test_any_text_gives_one_trimmed_line_or_nothing(parts: str | list[str]) -> None:
    text = html_to_text("".join(parts))
    assert text is None or (text and text == one_line(text))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Wasch\xadmaschine", "Waschmaschine"),
        ("\ufeffso\u200bfa\u2060", "sofa"),
        ("\u202bשולחן\u200f עץ\u202c \u2066x\u2069\u061c", "שולחן עץ x"),
        ("nul\0 and \x1b\x07bell\x85next\x9f", "nul and bell next"),
        ("می\u200cخواهم 🧑\u200d🚀 ☕\ufe0f", "می\u200cخواهم 🧑\u200d🚀 ☕\ufe0f"),
        (" \u200b\xad\ufeff\0 ", None),
    ],
)
def test_what_nobody_sees_is_left_out_of_a_line(text: str, seen: str | None) -> None:
    assert one_line(text) == seen
    assert html_to_text(f"<p>{text}</p>") == seen


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"])) | st.text(" a\u3000\u00a0\t\u00ad"))
def test_a_line_has_single_spaces_and_every_word(text: str) -> None:
    assert one_line(text) == (" ".join(text.replace("\u00ad", "").split()) or None)


@given(st.text(st.characters(exclude_characters="<&", exclude_categories=["Cs", "Cc", "Cf"])))
def test_text_without_markup_keeps_every_word(text: str) -> None:
    assert (html_to_text(text) or "").split() == text.split()


@given(st.text(), st.integers(1, 20))
def test_a_shortened_text_is_a_beginning_within_its_limit(text: str, limit: int) -> None:
    short = shortened(text, limit=limit)
    assert short is not None
    assert len(short) <= limit
    assert text.startswith(short)
    assert short == text or len(text) > limit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        (" a  b ", "a b"),
        (5, "5"),
        (5.5, "5.5"),
        (True, "true"),
        (False, "false"),
    ],
)
def test_loose_values_read_as_json_writes_them(value: str | float | bool | None, text: str | None) -> None:
    assert scalar_text(value) == text


@pytest.mark.parametrize(
    ("text", "parts"),
    [(None, []), ("", []), (" , ,", []), ("jar, glass", ["jar", "glass"]), ("a,b , a,  c  d", ["a", "b", "c d"])],
)
def test_comma_lists_are_trimmed_and_distinct(text: str | None, parts: list[str]) -> None:
    assert comma_list(text) == parts
