"""Text from outside as it may be shown on a terminal.

Names of products and answers of servers may have characters that move the cursor, change colours, hide text, answer
for the keyboard, or turn the reading order. They are written as escapes (`\\x1b`, `\\u202e`). What is stored, and what
machines read, stays as it is.
"""

from __future__ import annotations

import json
import re

#: C1 controls and DEL, soft hyphen, marks of the reading order, invisible characters, lone surrogates. Not the joiners
#: U+200C and U+200D, which belong to words and emoji.
_ABOVE_C0 = (
    "\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f"
)
_UNSAFE = re.compile(f"[\x00-\x1f{_ABOVE_C0}]")
#: In JSON, what lies below is either layout or escaped already.
_UNSAFE_IN_JSON = re.compile(f"[{_ABOVE_C0}]")


def escaped(text: str) -> str:
    """Returns a text as one line without control characters: each is written as Python would escape it."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def escaped_json(text: str) -> str:
    """Returns a JSON document that means the same, with the characters escaped that JSON alone would let through."""
    return _UNSAFE_IN_JSON.sub(lambda found: json.dumps(found[0])[1:-1].replace("\x7f", "\\u007f"), text)
