"""Rows on a terminal of some width, and in a pipe."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sync_pipeline.cli.table import LEAST_CELLS, table_lines

cells = st.text(st.characters(categories=("L", "N", "P", "Zs", "So"), exclude_characters="\u00a0"), max_size=60)
tables = st.integers(1, 5).flatmap(lambda n: st.lists(st.tuples(*[cells] * n), min_size=1, max_size=5))


def test_pipe_gets_whole_cells_and_no_blanks_at_the_end():
    rows = [["id", "what"], ["1", "x" * 300], ["22", "y"]]
    assert table_lines(rows, width=None) == ["id  what", "1   " + "x" * 300, "22  y"]


def test_brief_rows_are_a_line_each_and_say_that_they_were_cut():
    rows = [["id", "result"], ["1", "reason, " * 30], ["22", "done"]]
    narrow = table_lines(rows, width=40, brief=True)
    assert [len(line) for line in narrow[1:]] in ([40, 8], [39, 8])
    assert narrow[1].endswith("…")
    assert all(len(line) <= 104 for line in table_lines(rows, width=None, brief=True))


def test_narrow_terminal_goes_without_what_can_be_spared():
    rows = [["id", "pipeline", "mode", "result"], ["1", "store_search", "incremental", "x" * 50]]
    assert table_lines(rows, width=40, brief=True, spare=[1, 2])[0] == "id  mode         result"
    assert table_lines(rows, width=30, brief=True, spare=[1, 2])[0] == "id  result"
    assert table_lines(rows, width=120, brief=True, spare=[1, 2])[0].split() == rows[0]


def test_last_column_begins_at_the_left_where_it_has_no_room():
    rows = [["name", "where"], ["n" * 250, "x" * 40]]
    assert table_lines(rows, width=20)[2:] == ["n" * 250, "  " + "x" * 18, "  " + "x" * 18, "  xxxx"]


@given(tables, st.integers(10, 200), st.booleans())
def test_last_column_fits_what_the_others_leave(rows, width: int, brief: bool):
    lines = table_lines(rows, width=width, brief=brief)
    others = sum(max(cell_len(row[n]) for row in rows) + 2 for n in range(len(rows[0]) - 1))
    assert all(cell_len(line) <= others + max(LEAST_CELLS, width - others) for line in lines)
    assert len(lines) >= len(rows) if not brief else len(lines) == len(rows)
