"""How something is looked at for `health`: what it says in a line, or the line that says what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.errors import SyncPipelineError, one_line
from sync_pipeline.pipeline import Finding

if TYPE_CHECKING:
    from collections.abc import Callable


def look(what: str, ask: Callable[[], str]) -> Finding:
    """Returns what ``ask`` says, or why it failed with the exit status that this means."""
    try:
        return Finding(what, ask())
    except SyncPipelineError as error:
        return Finding(what, one_line(error), error.exit_status)
