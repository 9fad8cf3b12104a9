"""Markup and free text to plain text: what a shopper reads, as one line.

What belongs here: HTML to text, white space, bounds, comma lists, loose scalars. What does not: which field of a record
becomes which field of a document.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from selectolax.lexbor import LexborHTMLParser

if TYPE_CHECKING:
    from sync_pipeline.connectors.bigcommerce.records import Scalar

#: Characters of markup that are read. The parser's time grows with the square of the nesting depth.
MAX_MARKUP = 250_000
#: Characters of text that a document keeps.
MAX_TEXT = 100_000

_NOT_TEXT = ["script", "style", "title", "template", "noscript", "iframe", "object"]
_MAY_HOLD_NOT_TEXT = re.compile("<(?:" + "|".join(_NOT_TEXT) + ")", re.IGNORECASE)
# Elements that end a word. Inline ones (b, em, a, span …) do not: <b>H</b>ello is one word.
_BREAK = re.compile(
    r"<(?=/?(?:address|article|aside|blockquote|br|button|caption|dd|details|div|dl|dt|fieldset|figcaption|figure|footer"
    r"|form|h[1-6]|header|hr|img|input|label|legend|li|main|nav|ol|option|p|pre|section|select|summary|table|tbody|td"
    r"|textarea|tfoot|th|thead|tr|ul|video)\b)",
    re.IGNORECASE,
)
# Soft hyphens, byte order marks, zero-width spaces and marks of direction hide a word from whoever types it without;
# PostgreSQL takes no text with a null character.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]+"
)
# An image pasted into an article can be larger than all of its text.
_EMBEDDED_DATA = re.compile(r"data:[\w/+.;=-]+,[^\"'\s>)]*")


def html_to_text(markup: str | None, *, limit: int = MAX_TEXT) -> str | None:
    """Returns the text of ``markup`` without elements, scripts and styles, entities decoded, at most ``limit``
    characters.

    White space becomes single spaces; block elements end a word, inline ones do not. Only the first ``MAX_MARKUP``
    characters are read, embedded ``data:`` URIs not counted. None when nothing is left to read.
    """
    if not markup:
        return None
    if "<" not in markup and "&" not in markup:
        return shortened(one_line(markup), limit=limit)
    if len(markup) > MAX_MARKUP:
        markup = _first_part(_EMBEDDED_DATA.sub("", markup))
    # Within a body, as the storefront shows it: in a head, the text of a noscript would become the page's.
    tree = LexborHTMLParser("<body>" + _BREAK.sub(" <", markup))
    if _MAY_HOLD_NOT_TEXT.search(markup):
        tree.strip_tags(_NOT_TEXT)
    body = tree.body
    return shortened(one_line(body.text()), limit=limit) if body is not None else None


def _first_part(markup: str) -> str:
    if len(markup) <= MAX_MARKUP:
        return markup
    part = markup[:MAX_MARKUP]
    tag = part.rfind("<")
    return part[:tag] if tag > part.rfind(">") else part


def one_line(text: str | None) -> str | None:
    """Returns ``text`` with every run of white space as one space, without what nobody sees; None for nothing.

    Joiners stay: they change the look of a word or an emoji.
    """
    if not text:
        return None
    if text.isprintable():  # so its only white space is the space
        text = text.strip(" ")
        if "  " not in text:
            return text or None
    else:
        text = _UNSEEN.sub("", text)
    return " ".join(text.split()) or None


def shortened(text: str | None, *, limit: int) -> str | None:
    """Cuts ``text`` to at most ``limit`` characters, at the end of a word where there is one."""
    if text is None or len(text) <= limit:
        return text
    end = text.rfind(" ", 0, limit + 1)
    return text[: end if end > 0 else limit]


def scalar_text(value: Scalar) -> str | None:
    """Returns a loose value as one line of text: booleans as true and false, numbers as JSON writes them."""
    if isinstance(value, str):
        return one_line(value)
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def comma_list(text: str | None) -> list[str]:
    """Returns the distinct parts of a comma-separated list, trimmed, in their order."""
    if not text:
        return []
    return list(dict.fromkeys(part for part in (one_line(part) for part in text.split(",")) if part))
