"""The order of the suite: the files that take longest come first, so that no process is left with one at the end.

It holds where files are handed out in the order of their collection (`--dist loadfile --no-loadscope-reorder`, as in
`make test`): xdist's own order is by the number of tests, and the longest files have few.
"""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent

#: As `--durations=0` told, added up by file: the longest first.
LONGEST = (
    "properties/test_state_machine.py",
    "chaos/test_dagster_processes.py",
    "chaos/test_clock_steps.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Moves the tests of the longest files to the front; all others stay in their order."""
    places = {TESTS / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))
