"""Rows as lines of text, for a terminal of some width or for a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells, set_cell_size

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = "  "
#: What the last column is not squeezed below: columns that may go make room for it first.
LEAST_CELLS = 20
#: How long a brief last column is in a pipe, which has no width.
BRIEF_CELLS = 100


def table_lines(
    rows: Sequence[Sequence[str]], *, width: int | None, brief: bool = False, spare: Sequence[int] = ()
) -> list[str]:
    """Returns the rows, of which the first is the header, in columns; no line ends with blanks.

    ``width`` is the terminal's in cells, None for a pipe. Columns that are ``spare`` (their positions) are left out in
    that order when a terminal is too narrow. The last column is cut with ``brief``, so that each row is a line; else it
    is continued on further lines, from their beginning where the other columns leave it no room.
    """
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]))]
    shown = list(range(len(widths)))
    if width is not None:
        wanted = min(widths[-1], LEAST_CELLS)
        for column in spare:
            if _room(widths, shown, width) < wanted:
                shown.remove(column)
    last = BRIEF_CELLS if width is None else max(LEAST_CELLS, _room(widths, shown, width))
    below = 0  # the cells of a line of the last column where it begins at the left
    if width is not None and not brief and last > _room(widths, shown, width) and widths[-1] > LEAST_CELLS:
        below = max(LEAST_CELLS // 2, width - len(GAP))
    lines = []
    for row in rows:
        head = GAP.join([*(set_cell_size(row[column], widths[column]) for column in shown[:-1]), ""])
        if below:
            lines += [head.rstrip(), *(GAP + part for part in chop_cells(row[-1], below))]
            continue
        whole = [row[-1]] if width is None else chop_cells(row[-1], last) or [""]
        parts = [_cut(row[-1], last)] if brief else whole
        lines += [f"{head}{parts[0]}".rstrip(), *(" " * cell_len(head) + part for part in parts[1:])]
    return lines


def _room(widths: Sequence[int], shown: Sequence[int], width: int) -> int:
    """Returns the cells that the other columns leave for the last."""
    return width - sum(widths[column] + len(GAP) for column in shown[:-1])


def _cut(text: str, cells: int) -> str:
    return text if cell_len(text) <= cells else set_cell_size(text, cells - 1).rstrip() + "…"
