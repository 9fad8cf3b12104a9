"""What is tried again, how often, and after how long. Pure.

What belongs here: the failure of one attempt and the back-off. What does not: the loop (``client``), the quota's own
waiting (``budget``), and what is final at once (``answers``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sync_pipeline.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync_pipeline.connectors.bigcommerce.errors import BigCommerceError

#: Attempts of one request, the first included; with the back-off below they span about a minute, as BigCommerce asks
#: for after a 500 (bigcommerce/docs, ``docs/start/about/status-codes.mdx``).
ATTEMPTS = 6
#: Attempts while the store says that it is down: it is rarely back within a minute.
ATTEMPTS_WHILE_DOWN = 3
#: A service's own waiting time above this many seconds ends the request instead.
LONGEST_WAIT_SECONDS = 600.0
#: Without a waiting time of the service: 2 s, doubled each time, at most 60, of which chance takes up to half.
BACKOFF = Backoff(first=2.0, cap=60.0, jitter=0.5)


class AttemptError(Exception):
    """An attempt failed in a way that may pass.

    ``becomes`` is the error to raise when it does not, after ``attempts`` in all. ``overload``: the answer may have
    been too much to ask for, so less is asked next time. ``wait``: the service's own waiting time in seconds.
    """

    def __init__(
        self,
        what: str,
        *,
        becomes: type[BigCommerceError],
        attempts: int = ATTEMPTS,
        overload: bool = False,
        wait: float = 0.0,
    ) -> None:
        super().__init__(what)
        self.becomes = becomes
        self.attempts = attempts
        self.overload = overload
        self.wait = wait

    def is_final(self, failures: int) -> bool:
        """Returns whether this failure, the request's ``failures``-th, is its last."""
        return failures >= self.attempts or self.wait > LONGEST_WAIT_SECONDS


def backoff(jitter: Callable[[], float]) -> Backoff:
    """Build the back-off of one store's requests; ``jitter`` gives numbers between 0 and 1."""
    return replace(BACKOFF, random=jitter)
