"""Folders that only their owner may enter. What belongs here: making them. What does not: what lies in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make_private(folder: Path) -> None:
    """Makes the folder, 0700, and likewise those above it that are missing: `mkdir` gives its mode to the last only.

    Raises OSError.
    """
    missing = [path for path in folder.parents if not path.exists()]
    for path in (*reversed(missing), folder):
        path.mkdir(mode=0o700, exist_ok=True)
