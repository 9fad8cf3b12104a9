"""How commands speak: answers on stdout (a table, or JSON for machines), everything else as single lines on stderr."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console
from rich.table import Table

from sync_pipeline.cli.streams import speaks_utf8

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Without a terminal a line is as long as what it says.
PIPE_WIDTH = 10_000


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


console = Console(highlight=False, soft_wrap=True, width=None if _is_terminal(sys.stdout) else PIPE_WIDTH)
errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


def note(line: str) -> None:
    """Prints a line about what is going on, for a person who waits; nothing when nobody watches."""
    if _is_terminal(sys.stderr):
        errors.print(line, style="dim")


def warn(line: str) -> None:
    """Prints a line that needs attention but stops nothing."""
    errors.print(f"warning: {line}", style="yellow")


def emit_json(answer: Any) -> None:
    """Prints the answer as JSON on stdout."""
    # Escapes of JSON's own where the encoding of stdout lacks a character: others would not be JSON.
    json.dump(answer, sys.stdout, indent=2, default=str, ensure_ascii=not speaks_utf8(sys.stdout))
    sys.stdout.write("\n")


def emit_rows(rows: Sequence[Mapping[str, Any]], columns: Iterable[str], *, as_json: bool, empty: str) -> None:
    """Prints rows as a table of ``columns``, or whole as JSON; ``empty`` is said when there are none."""
    if as_json:
        emit_json(list(rows))
        return
    if not rows:
        say(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    names = list(columns)
    for name in names:
        table.add_column(name, no_wrap=name != names[-1], overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in names))
    console.print(table)


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
    console.print(line, markup=False)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)
