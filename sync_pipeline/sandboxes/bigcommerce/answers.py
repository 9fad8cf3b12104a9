"""What an endpoint answers before it becomes HTTP, and the two ways to write it: JSON, and v2's XML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

import msgspec


@dataclass(slots=True)
class Answer:
    """A status and a plain JSON value; ``data`` None means no body at all (204).

    ``xml_names`` are the names of the root element and of the items of a list, where v2 answers in XML.
    """

    status: int
    data: Any
    media_type: str = "application/json"
    xml_names: tuple[str, str] = ("items", "item")

    def json(self) -> bytes:
        """Returns the body as JSON."""
        return b"" if self.data is None else msgspec.json.encode(self.data)

    def xml(self) -> bytes:
        """Returns the body as XML."""
        if self.data is None:
            return b""
        root, item = self.xml_names
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{_element(root, self.data, item)}'.encode()


def _element(name: str, value: Any, item: str = "item") -> str:
    if isinstance(value, dict):
        inner = "".join(_element(key, part) for key, part in value.items())
    elif isinstance(value, list):
        inner = "".join(_element(item, part) for part in value)
    elif isinstance(value, bool):
        inner = "true" if value else "false"
    else:
        inner = "" if value is None else escape(str(value))
    return f"<{name}>{inner}</{name}>" if inner else f"<{name}/>"
