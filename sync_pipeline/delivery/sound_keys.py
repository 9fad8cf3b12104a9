"""Keys that every part of the way can bear: PostgreSQL, JSON, and the destinations' own limits.

What belongs here: which keys these are, and what becomes of an item with another. What does not: odd content, which the
pipeline's documents reject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import xxhash

from sync_pipeline.errors import storable_text
from sync_pipeline.operations import Rejected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sync_pipeline.operations import Item

#: In UTF-8; Elasticsearch's own limit for an id, and the least of all destinations with free keys.
MAX_KEY_BYTES = 512


def sound_items(items: Iterable[Item]) -> list[Item]:
    """Returns the items; one whose key nothing could store becomes a rejected record with a key that tells which."""
    return [item if _is_sound(item.key) else _rejected(item) for item in items]


def _is_sound(key: str) -> bool:
    if key.isascii():
        return 0 < len(key) <= MAX_KEY_BYTES and "\0" not in key
    return storable_text(key) == key and len(key.encode()) <= MAX_KEY_BYTES


def _rejected(item: Item) -> Item:
    shown = storable_text(item.key)
    if len(shown.encode()) > MAX_KEY_BYTES:
        # Still another for every key.
        shown = f"{shown[:100]}…{xxhash.xxh3_64_hexdigest(shown.encode())}"
    message = f"the key {shown[:100]!r} is empty, longer than {MAX_KEY_BYTES} bytes, or has characters of no text"
    payload = item.payload if isinstance(item, Rejected) else b""
    return Rejected(shown or "(empty)", "malformed_key", message, payload, item.version, item.record)
