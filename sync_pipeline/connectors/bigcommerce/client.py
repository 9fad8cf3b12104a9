"""HTTP to one BigCommerce store, within the store's budget, tried again where that may help.

What belongs here: connection, headers, bounds and the retry loop. What does not: which endpoints there are
(``catalog``), what statuses mean (``answers``), and pacing (``budget``).
"""

from __future__ import annotations

import asyncio
import random
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlencode

import httpx
import msgspec

from sync_pipeline.connectors.bigcommerce.answers import quoted, raise_for
from sync_pipeline.connectors.bigcommerce.errors import BadAnswerError, UnreachableError
from sync_pipeline.connectors.bigcommerce.retry import ATTEMPTS, AttemptError, backoff
from sync_pipeline.errors import UsageError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

    from sync_pipeline.clock import Clock
    from sync_pipeline.connectors.bigcommerce.budget import RequestBudget, Turn
    from sync_pipeline.connectors.bigcommerce.request import Request

T = TypeVar("T")

TIMEOUTS = httpx.Timeout(60.0, connect=10.0)
#: The longest that one attempt may take, however steadily its bytes drip in (seconds).
LONGEST_ATTEMPT_SECONDS = 300.0
#: The largest body, unpacked, that is read. A page of 250 products with 600 variants each would be about 100 MB; a body
#: beyond this is asked for again in smaller pages.
LARGEST_BODY_BYTES = 64 * 1024 * 1024

_STORE_HASH = re.compile(r"[A-Za-z0-9]{1,64}")
_TOKEN = re.compile(r"[!-~]{1,512}")


class BigCommerceClient:
    """Asks one store. Use as an async context manager.

    ``base_url`` is the API's base, to which ``/stores/{store_hash}/v3/…`` is added; no other host is ever asked.
    ``budget`` must be shared by all clients of the same store in the event loop. ``attempts`` is the most that are made
    of a request. Raises UsageError for a store hash or
    token that cannot be one, without showing the token.
    """

    def __init__(
        self,
        *,
        store_hash: str,
        token: str,
        base_url: str,
        budget: RequestBudget,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        timeouts: httpx.Timeout = TIMEOUTS,
        attempts: int = ATTEMPTS,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        if not _STORE_HASH.fullmatch(store_hash):
            raise UsageError(f"{store_hash[:80]!r} is no BigCommerce store hash: letters and digits only")
        if not _TOKEN.fullmatch(token):
            raise UsageError(
                f"BigCommerce store {store_hash}: the token is empty or holds characters that no token has"
            )
        self.store_hash = store_hash
        self._token = token
        self._root = f"{base_url.rstrip('/')}/stores/{store_hash}"
        self._budget = budget
        self._clock = clock
        self._attempts = attempts
        self._backoff = backoff(jitter)
        self._http = httpx.AsyncClient(
            verify=_trusted_certificates(),
            headers={"X-Auth-Token": token, "Accept": "application/json", "User-Agent": f"sync-pipeline/{_version()}"},
            timeout=timeouts,
            transport=transport,
            follow_redirects=False,
        )

    @property
    def quota(self) -> tuple[int, float] | None:
        """The store's request quota; see ``RequestBudget.quota``."""
        return self._budget.quota

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, request: Request[T]) -> T:
        """Perform ``request``, whichever its method, until it succeeds or is hopeless.

        Raises UnauthorizedError, MissingScopeError, NotFoundError, RefusedError (at once), StoreUnavailableError,
        UnreachableError, BadAnswerError (after attempts with growing pauses), RateLimitedError (see RequestBudget).
        """
        since = self._clock.monotonic()
        failures = 0
        while True:
            try:
                return await self._attempt(request, since)
            except _SentBackError:
                continue
            except AttemptError as fault:
                failures += 1
                if failures >= self._attempts or fault.is_final(failures):
                    raise fault.becomes(self.store_hash, f"{fault} ({failures} attempts)") from fault.__cause__
                if fault.overload:
                    request.overloaded()
                pause = self._backoff.wait(failures, fault.wait)
            await self._clock.sleep(pause)

    async def _attempt(self, request: Request[T], since: float) -> T:
        async with self._budget.turn(since=since) as turn:
            params = urlencode(await request.prepare(), safe=":,")
            url = f"{self._root}{request.path}" + (f"?{params}" if params else "")
            try:
                async with asyncio.timeout(LONGEST_ATTEMPT_SECONDS):
                    body = await self._fetch(request, url, turn)
            except (httpx.TimeoutException, TimeoutError) as error:
                what = f"{request.name} timed out; try again later"
                raise AttemptError(what, becomes=UnreachableError, overload=True) from error
            except httpx.DecodingError as error:
                raise AttemptError(f"{request.name} answered a broken encoding", becomes=BadAnswerError) from error
            except httpx.TransportError as error:
                why = self._clean(str(error) or type(error).__name__)
                what = f"{request.name} failed: {why}; is {httpx.URL(self._root).host} (BIGCOMMERCE_API_URL) reachable?"
                raise AttemptError(what, becomes=UnreachableError) from error
        try:
            return request.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            start = body[:512].lstrip()
            kind = "HTML instead of JSON" if start.startswith(b"<") else f"what cannot be read ({error})"
            quote = quoted(self._clean(start.decode(errors="replace"), *request.secrets))
            raise AttemptError(f"{request.name} answered {kind}{quote}", becomes=BadAnswerError) from error

    async def _fetch(self, request: Request[T], url: str, turn: Turn) -> bytes:
        headers = {"Content-Type": "application/json"} if request.body else None
        async with self._http.stream(request.method, url, content=request.body or None, headers=headers) as response:
            turn.answered(response.status_code, response.headers)
            if response.status_code == 429:
                raise _SentBackError
            chunks, size = [], 0
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > LARGEST_BODY_BYTES:
                    what = f"{request.name} answered more than {LARGEST_BODY_BYTES >> 20} MB"
                    raise AttemptError(what, becomes=BadAnswerError, overload=True)
                chunks.append(chunk)
        body = b"".join(chunks)
        if not response.is_success:
            text = self._clean(body.decode(errors="replace"), *request.secrets)
            where = {"store_hash": self.store_hash, "request": request.name, "scope": request.scope}
            raise_for(response.status_code, response.headers, text, **where)
        return body

    def _clean(self, text: str, *secrets: str) -> str:
        """Returns ``text`` without the token and ``secrets``, should the other side echo them."""
        for secret in secrets:
            text = text.replace(secret, "[secret]")
        return text.replace(self._token, "[token]")


class _SentBackError(Exception):
    """A 429: the same attempt is made again when the budget lets it."""


def _version() -> str:
    try:
        return version("sync_pipeline")
    except PackageNotFoundError:
        return "unknown"


@cache
def _trusted_certificates() -> ssl.SSLContext:
    """Returns httpx' own default, read once a process: reading takes 25 ms, and each batch has a client or more."""
    return httpx.create_ssl_context()
