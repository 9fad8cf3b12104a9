"""How commands speak: answers on stdout (a table, or JSON for machines), everything else as single lines on stderr.

Whatever is shown passes through here: as text, never as markup, with control characters escaped.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from sync_pipeline.cli.streams import speaks_utf8
from sync_pipeline.cli.table import table_lines
from sync_pipeline.terminal_text import escaped, escaped_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_console = Console(highlight=False, soft_wrap=True)
_errors = Console(stderr=True, highlight=False, soft_wrap=True)


def is_watched() -> bool:
    """Returns whether a person may be looking at stderr."""
    return _errors.is_terminal


def note(line: str) -> None:
    """Prints a line about what is going on, for a person who waits; nothing when nobody watches."""
    if sys.stderr is not None and sys.stderr.isatty():
        remark(line, style="dim")


def warn(line: str) -> None:
    """Prints a line that needs attention but stops nothing."""
    remark(f"warning: {line}", style="yellow")


def report_error(line: str) -> None:
    """Prints the line that says what failed."""
    remark(f"error: {line}")


def remark(line: str, *, style: str | None = None) -> None:
    """Prints a line on stderr as it is."""
    _errors.print(Text(escaped(line)), style=style)


def emit_json(answer: Any) -> None:
    """Prints the answer as JSON on stdout."""
    _write_json(answer, indent=2)


def emit_json_line(answer: Any) -> None:
    """Prints the answer as one line of JSON on stdout."""
    _write_json(answer, indent=None)


def _write_json(answer: Any, *, indent: int | None) -> None:
    # Escapes of JSON's own where the encoding of stdout lacks a character: others would not be JSON.
    text = json.dumps(answer, indent=indent, default=str, ensure_ascii=not speaks_utf8(sys.stdout))
    sys.stdout.write(escaped_json(text) + "\n")


def emit_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Iterable[str],
    *,
    as_json: bool,
    empty: str,
    brief: bool = False,
    spare: Sequence[str] = (),
) -> None:
    """Prints rows as a table of ``columns``, or whole as JSON; ``empty`` is said when there are none.

    ``brief`` cuts the last column, so that a row is a line; ``spare`` columns are left out, the first first, where a
    terminal is too narrow.
    """
    if as_json:
        emit_json(list(rows))
        return
    if not rows:
        say(empty)
        return
    names = list(columns)
    cells = [[escaped(_cell(row.get(name))) for name in names] for row in rows]
    width = _console.width if _console.is_terminal else None
    header, *lines = table_lines([names, *cells], width=width, brief=brief, spare=[names.index(name) for name in spare])
    _console.print(Text(header), style="bold")
    for line in lines:
        say(line)


def emit_fields(fields: Mapping[str, Any], *, as_json: bool) -> None:
    """Prints one thing with its fields, a line each, or as JSON."""
    if as_json:
        emit_json(dict(fields))
        return
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        if value is not None and value != {}:
            say(f"{name:<{width}}  {_cell(value)}")


def say(line: str) -> None:
    """Prints a line of the answer."""
    _console.print(Text(escaped(line)))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)
