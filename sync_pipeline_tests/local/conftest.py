"""A state directory per test, emptied of processes at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sync_pipeline.local.down import stop_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A path for a state directory that is not there yet."""
    path = tmp_path / "a state"
    yield path
    stop_all(path)
