"""What a delivery would do, without doing it: how many documents it would create, update and delete, and a few changes.

What belongs here: counting items against what a destination holds. What does not: reading the source.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sync_pipeline.delivery.sound_keys import sound_items
from sync_pipeline.operations import Action, Filtered, Operation, Rejected, Unchanged

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from sync_pipeline.delivery.destination import Readable
    from sync_pipeline.operations import Item

#: How many changed documents are shown, and how much of a value.
SAMPLES = 5
VALUE_LENGTH = 80


@dataclass
class Preview:
    """What one import would do. ``sample`` has, for a few updates, the fields that change: old and new value."""

    create: int = 0
    update: int = 0
    delete: int = 0
    unchanged: int = 0
    filtered: int = 0
    dead_lettered: int = 0
    sample: list[dict[str, Any]] = field(default_factory=list)


async def preview(pages: AsyncGenerator[Sequence[Item]], destination: Readable[Any] | None) -> Preview:
    """Returns what delivering the pages would do; into nothing yet, when there is no destination."""
    result = Preview()
    async with aclosing(pages):
        async for page in pages:
            items = sound_items(page)
            stored: Mapping[str, Any] = {}
            if destination is not None:
                keys = [item.key for item in items if isinstance(item, Operation)]
                stored = await destination.get(keys, content=True)
            for item in items:
                match item:
                    case Unchanged():
                        result.unchanged += 1
                    case Filtered():
                        result.filtered += 1
                    case Rejected():
                        result.dead_lettered += 1
                    case Operation(action=Action.DELETE):
                        result.delete += 1
                    case Operation() if destination is not None and item.key in stored:
                        result.update += 1
                        if len(result.sample) < SAMPLES:
                            changes = changed_fields(stored[item.key].content, destination.content_of(item))
                            result.sample.append({"key": item.key, "fields": changes})
                    case Operation():
                        result.create += 1
    return result


def changed_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns the fields whose values differ, each with the old and the new value, shortened."""
    names = sorted({*old, *new})
    return {name: [_short(old.get(name)), _short(new.get(name))] for name in names if old.get(name) != new.get(name)}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_LENGTH else text[: VALUE_LENGTH - 1] + "…"
