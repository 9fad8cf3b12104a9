"""How something is looked at for `health`: what it says in a line, or the lines that say what is wrong.

Nothing is waited for without a bound: `health` is what a monitor calls, and what it looks at may be frozen.
"""

from __future__ import annotations

import threading
import time
from queue import Empty, Queue
from typing import TYPE_CHECKING

from sync_pipeline.errors import ServiceUnavailableError, SyncPipelineError, one_line
from sync_pipeline.pipeline import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: What says nothing for so long does not work.
LOOK_SECONDS = 10.0
#: The same for several things that are looked at one after the other.
GROUP_SECONDS = 30.0


def look(what: str, ask: Callable[[], str], *, seconds: float = LOOK_SECONDS) -> Finding:
    """Returns what ``ask`` says, or why it failed, or did not end, with the exit status that this means."""
    [found, *_] = side_by_side([(what, lambda: [Finding(what, ask())], seconds)])
    return found


def look_into(what: str, ask: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yields what ``ask`` finds, and if it fails one finding ``what``: why it could not be looked at."""
    try:
        yield from ask()
    except SyncPipelineError as error:
        yield Finding(what, one_line(error), error.exit_status)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other lines are wanted all the more
        yield Finding(what, f"cannot be looked at: {one_line(repr(error), 300)}", 1)


def side_by_side(looks: Sequence[tuple[str, Callable[[], Iterable[Finding]], float]]) -> Iterator[Finding]:
    """Asks all at the same time; yields what they find, in their order, each finding as soon as it is known.

    A look is its name, what is asked, and how many seconds that may take. One that takes longer is left behind, with a
    finding that says so.
    """
    began = time.monotonic()
    started = [(what, seconds, _findings_of(what, ask)) for what, ask, seconds in looks]
    for what, seconds, findings in started:
        while True:
            try:
                found = findings.get(timeout=max(0.0, began + seconds - time.monotonic()))
            except Empty:
                yield Finding(what, f"no answer within {seconds:.0f} s", ServiceUnavailableError.exit_status)
                break
            if found is None:
                break
            yield found


def _findings_of(what: str, ask: Callable[[], Iterable[Finding]]) -> Queue[Finding | None]:
    """Asks in a thread, which the end of the process does not wait for; the last thing that it gives is None."""
    findings: Queue[Finding | None] = Queue()

    def work() -> None:
        try:
            for found in look_into(what, ask):
                findings.put(found)
        finally:
            findings.put(None)

    threading.Thread(target=work, name=f"health: {what}", daemon=True).start()
    return findings


def troubles(what: str, lines: Sequence[str], otherwise: str, *, warning: bool = False) -> list[Finding]:
    """Returns a finding for each line that tells of a trouble, or one that says ``otherwise``."""
    if not lines:
        return [Finding(what, otherwise)]
    return [Finding(what, line, int(not warning), warning=warning) for line in lines]
