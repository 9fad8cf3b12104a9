"""What can be made to go wrong, and when: faults injected for one tenant, applied in the order they were given.

Deciding only. What a fault does to a reply is damage's business, how a refusal is worded the sandbox's.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from hashlib import blake2b


class FaultKind(StrEnum):
    """The kinds of trouble. All but ``latency`` end the search for further faults of the same request."""

    LATENCY = "latency"
    TOO_MANY_REQUESTS = "429"
    BARE_TOO_MANY_REQUESTS = "429_bare"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"
    CUT_BEFORE_ANSWER = "cut_before_answer"
    CUT_IN_BODY = "cut_in_body"
    TRUNCATED_JSON = "truncated_json"
    HTML = "html"
    EMPTY_LIST = "empty_list"
    SHORT_LIST = "short_list"
    WRONG_TOKEN = "wrong_token"  # noqa: S105 a kind of fault


#: The kinds that refuse, with the status of the refusal.
STATUSES = {
    FaultKind.TOO_MANY_REQUESTS: 429,
    FaultKind.BARE_TOO_MANY_REQUESTS: 429,
    FaultKind.SERVER_ERROR: 500,
    FaultKind.UNAVAILABLE: 503,
    FaultKind.GATEWAY_TIMEOUT: 504,
    FaultKind.WRONG_TOKEN: 401,
}


@dataclass(slots=True)
class Fault:
    """One injected fault.

    ``path`` is a glob over the path below the tenant (``/products*``). The first ``after`` matching requests
    pass. Then ``count`` requests suffer (None: all, until it is removed), each with ``probability``; the draws come
    from ``seed`` and the fault's own matching requests only, so a run can be repeated. ``seconds`` is the
    delay of latency, which also ends when faults are removed, and the waiting time that a 429 tells (0: the service's
    own; a bare 429 tells none); ``items`` is how much of the collection a short list has.
    """

    kind: FaultKind
    path: str = "*"
    count: int | None = None
    probability: float = 1.0
    after: int = 0
    seed: int = 0
    seconds: float = 0.0
    items: int = 0
    id: int = 0
    matched: int = 0
    applied: int = 0

    @property
    def status(self) -> int | None:
        """The status with which the struck request is refused; None for a fault that does not refuse."""
        return STATUSES.get(self.kind)

    @property
    def items_left(self) -> int | None:
        """How much of a collection a list shows, as if that were all; None for the whole."""
        if self.kind is FaultKind.SHORT_LIST:
            return self.items
        return 0 if self.kind is FaultKind.EMPTY_LIST else None

    def strikes(self, path: str) -> bool:
        """Returns whether this request suffers the fault; counts it if so."""
        if not fnmatchcase(path, self.path) or (self.count is not None and self.applied >= self.count):
            return False
        self.matched += 1
        if self.matched <= self.after or self._draw() >= self.probability:
            return False
        self.applied += 1
        return True

    def _draw(self) -> float:
        digest = blake2b(f"{self.seed}:{self.matched}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64


class Faults:
    """The faults of one tenant."""

    def __init__(self) -> None:
        self.injected: list[Fault] = []
        #: Set when faults are removed; whoever waits out a latency goes on then.
        self.removed = asyncio.Event()
        self._numbers = itertools.count(1)

    def inject(self, fault: Fault) -> Fault:
        """Adds a fault behind those already there and numbers it."""
        fault.id = next(self._numbers)
        self.injected.append(fault)
        return fault

    def remove(self, number: int | None = None) -> None:
        """Takes one fault away, or all of them."""
        self.injected = [fault for fault in self.injected if number is not None and fault.id != number]
        self.removed.set()
        self.removed = asyncio.Event()

    def striking(self, path: str) -> tuple[float, Fault | None]:
        """Returns the delay in seconds that this request suffers, and the first other fault that strikes it."""
        delay = 0.0
        for fault in self.injected:
            if not fault.strikes(path):
                continue
            if fault.kind is not FaultKind.LATENCY:
                return delay, fault
            delay += fault.seconds
        return delay, None
