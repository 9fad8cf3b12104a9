"""One request as the client performs it: where, with which parameters, with which scope, how its answer is read.

What belongs here: what may differ between two attempts of the same read (parameters, page size, version). What does
not: HTTP and retries (``client``), and what the endpoints are (``catalog``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from sync_pipeline.connectors.bigcommerce.scopes import Scope

T = TypeVar("T")
Params = Mapping[str, str | int]

#: BigCommerce's largest page, and the smallest that we ask for when pages prove too much for it.
MOST_PER_PAGE = 250
LEAST_PER_PAGE = 10
#: Pages in a row that must succeed before a shrunken page grows again.
SUCCESSES_TO_GROW = 4


@dataclass(slots=True)
class Request(Generic[T]):
    """One request below the store, such as a GET of ``/v2/store``.

    ``decode`` reads the body (empty for 204) and raises ``msgspec.DecodeError`` or UnicodeDecodeError for one that
    cannot be the answer. ``body`` is JSON; a request that writes may be sent again when its answer was lost.
    ``secrets`` are those in the body, in case the other side repeats them.
    """

    path: str
    scope: Scope
    decode: Callable[[bytes], T]
    params: Params = field(default_factory=dict)
    method: str = field(default="GET", kw_only=True)
    body: bytes = field(default=b"", kw_only=True, repr=False)
    secrets: tuple[str, ...] = field(default=(), kw_only=True, repr=False)

    @property
    def name(self) -> str:
        """What is asked, for messages."""
        return f"{self.method} {self.path}"

    async def prepare(self) -> Params:
        """Returns the query parameters of the attempt that is about to be sent."""
        return self.params

    def overloaded(self) -> None:
        """Notes that the last attempt may have asked for too much."""


@dataclass(slots=True)
class PageSize:
    """How many records a listing asks for at once: halved when a page is too much, doubled again after successes."""

    limit: int = MOST_PER_PAGE
    most: int = MOST_PER_PAGE
    _successes: int = 0

    def shrink(self, failed: int) -> None:
        """Asks for half of ``failed`` from now on: a page of it was too much. A volley of failures halves once."""
        self.limit = min(self.limit, max(LEAST_PER_PAGE, failed // 2))
        self._successes = 0

    def succeeded(self, served: int | None = None) -> None:
        """Notes that a page came. ``served`` is the page size that the service used, which bounds ours from now on."""
        if served and served < self.limit:
            self.limit = self.most = served
        self._successes += 1
        if self._successes >= SUCCESSES_TO_GROW:
            self.limit = min(self.most, self.limit * 2)
            self._successes = 0


@dataclass(slots=True)
class PageRequest(Request[T]):
    """One page of a listing: each attempt draws its own version and asks for the size of the moment.

    The version is drawn again for each attempt, because one drawn before a back-off could lose to a read made meanwhile
    whose records are older. ``query`` makes the parameters for a page size; ``version`` and ``limit`` are those of the
    last attempt.
    """

    query: Callable[[int], Params] = field(kw_only=True)
    size: PageSize = field(kw_only=True)
    next_version: Callable[[], Awaitable[int]] = field(kw_only=True)
    version: int = 0
    limit: int = 0

    async def prepare(self) -> Params:
        """Returns the parameters of this attempt, made after its version is drawn."""
        self.limit = self.size.limit
        self.version = await self.next_version()
        return self.query(self.limit)

    def overloaded(self) -> None:
        """Ask for less in the next attempt."""
        self.size.shrink(self.limit)
