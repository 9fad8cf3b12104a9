"""The order of the suite."""

from __future__ import annotations

from sync_pipeline_tests.longest_first import LONGEST, TESTS


def test_longest_files_are_there():
    assert [name for name in LONGEST if not (TESTS / name).is_file()] == []
