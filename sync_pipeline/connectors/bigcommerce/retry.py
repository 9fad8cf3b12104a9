"""What is tried again, how often, and after how long. Pure.

What belongs here: the failure of one attempt and the back-off. What does not: the loop (``client``), the quota's own
waiting (``budget``), and what is final at once (``answers``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync_pipeline.connectors.bigcommerce.errors import BigCommerceError

#: Attempts of one request, the first included; with the back-off below they span about a minute, as BigCommerce asks
#: for after a 500 (bigcommerce/docs, ``docs/start/about/status-codes.mdx``).
ATTEMPTS = 6
#: Attempts while the store says that it is down: it is rarely back within a minute.
ATTEMPTS_WHILE_DOWN = 3
#: A service's own waiting time above this many seconds ends the request instead.
LONGEST_WAIT_SECONDS = 600.0

_BASE_SECONDS = 2.0
_CAP_SECONDS = 60.0


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
        """Whether this failure, the request's ``failures``-th, is its last."""
        return failures >= self.attempts or self.wait > LONGEST_WAIT_SECONDS


def backoff(failures: int, jitter: float) -> float:
    """Seconds to wait after the ``failures``-th failure in a row: doubling from 2 to 60, of which ``jitter`` (0 to 1)
    keeps between half and all, so that clients that failed together do not return together.
    """
    return min(_CAP_SECONDS, _BASE_SECONDS * 2 ** min(failures - 1, 10)) * (0.5 + 0.5 * jitter)
