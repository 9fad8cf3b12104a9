"""How something is looked at for `health`: what it says in a line, or the lines that say what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.errors import SyncPipelineError, one_line
from sync_pipeline.pipeline import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


def look(what: str, ask: Callable[[], str]) -> Finding:
    """Returns what ``ask`` says, or why it failed with the exit status that this means."""
    [found] = look_into(what, lambda: [Finding(what, ask())])
    return found


def look_into(what: str, ask: Callable[[], Iterable[Finding]]) -> Sequence[Finding]:
    """Returns what ``ask`` finds, or one finding ``what``: why it could not be looked at."""
    try:
        return [*ask()]
    except SyncPipelineError as error:
        return [Finding(what, one_line(error), error.exit_status)]


def troubles(what: str, lines: Sequence[str], otherwise: str, *, warning: bool = False) -> list[Finding]:
    """Returns a finding for each line that tells of a trouble, or one that says ``otherwise``."""
    if not lines:
        return [Finding(what, otherwise)]
    return [Finding(what, line, int(not warning), warning=warning) for line in lines]
