"""One store's request budget: all requests to a store pass here, and go as fast as its quota lets them.

What belongs here: admission (bounded concurrency, quota, pauses after 429). What does not: what the headers mean
(``rate_limit``), HTTP, and retries of anything but 429.

Requests run freely while the newest answer says that some are left, not counting those still on their way; then they
wait for an answer or for the window's end. Other apps share the quota, so a 429 can still come: it pauses everybody
until the service's own time, counts against no request, and only ``patience`` seconds without any success are an error.
"""

from __future__ import annotations

import asyncio
import math
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sync_pipeline.connectors.bigcommerce.errors import RateLimitedError
from sync_pipeline.connectors.bigcommerce.rate_limit import RateLimit, Window
from sync_pipeline.connectors.bigcommerce.retry import backoff

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from sync_pipeline.clock import Clock

_TOO_MANY_REQUESTS = 429
#: How long a request waits for quota while none succeeds (seconds).
QUOTA_PATIENCE = 600.0


class RequestBudget:
    """The budget of one store, shared by every client of that store in one event loop.

    ``concurrency`` bounds the requests under way, bodies included. ``patience`` is how long, in seconds, a request
    waits for quota without any success of this store's requests. ``jitter`` gives numbers between 0 and 1.
    """

    def __init__(
        self,
        *,
        store_hash: str,
        clock: Clock,
        concurrency: int = 6,
        patience: float = QUOTA_PATIENCE,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store_hash = store_hash
        self._clock = clock
        self._patience = patience
        self._backoff = backoff(jitter)
        self._slots = asyncio.Semaphore(concurrency)
        self._gate = asyncio.Lock()
        self._changed = asyncio.Event()
        self._unanswered = 0
        self._window: Window | None = None
        self._paused_until = -math.inf
        self._pauses_without_reason = 0
        self._refused_at = -math.inf
        self._succeeded_at = -math.inf

    @property
    def quota(self) -> tuple[int, float] | None:
        """Requests per window and the window's length in seconds, as the newest answer told; None if none did."""
        if self._window is None or self._window.quota is None:
            return None
        return self._window.quota, self._window.length

    @asynccontextmanager
    async def turn(self, *, since: float) -> AsyncGenerator[Turn]:
        """Hold one request's place, from admission until its body is read.

        ``since`` is when the request was first wanted (monotonic seconds): a request that a 429 sent back keeps it.
        Raises RateLimitedError when the quota leaves nothing for longer than ``patience``.
        """
        async with self._slots:
            await self._admit(since)
            turn = Turn(self, sent=self._clock.monotonic())
            try:
                yield turn
            finally:
                turn.end()

    def answered(self, status: int, headers: Mapping[str, str], *, sent: float) -> None:
        """Learn from the head of an answer to a request sent at ``sent``."""
        limit, received = RateLimit.of(headers), self._clock.monotonic()
        told = Window.told_by(limit, received=received)
        if self._window is None:
            self._window = told
        else:
            self._window = self._window.after(told, latency=received - sent) if told else self._window.used()
        if status == _TOO_MANY_REQUESTS:
            self._pause(limit, sent=sent, now=received)
        else:
            self._succeeded_at = received
            if sent > self._refused_at:
                self._pauses_without_reason = 0
        self._release()

    def unanswered(self) -> None:
        """Count a request that never got an answer as used up: it may have reached the service."""
        if self._window is not None:
            self._window = self._window.used()
        self._release()

    def _release(self) -> None:
        self._unanswered -= 1
        self._changed.set()

    def _pause(self, limit: RateLimit, *, sent: float, now: float) -> None:
        pause = max(limit.reset or 0.0, limit.retry_after or 0.0)
        if not pause:
            # Without headers the store itself is overloaded. Requests that were under way together count once.
            if sent > self._refused_at:
                self._pauses_without_reason += 1
            pause = self._backoff.wait(self._pauses_without_reason)
        self._refused_at = now
        self._paused_until = max(self._paused_until, now + pause)

    async def _admit(self, since: float) -> None:
        async with self._gate:
            while (at := self._open_at()) > (now := self._clock.monotonic()):
                # With answers outstanding the waiting time is only a guess on the safe side.
                if not self._unanswered and at - max(since, self._succeeded_at) > self._patience:
                    raise RateLimitedError(
                        self._store_hash,
                        f"the request quota is used up for another {at - now:.0f} s, and no request has succeeded for "
                        f"{now - max(since, self._succeeded_at):.0f} s; other apps of the store share the quota; "
                        "try again later",
                    )
                await self._wait(at - now)
            self._unanswered += 1

    def _open_at(self) -> float:
        """Returns when the next request may go, as far as is known now (monotonic seconds.

        Not after now means at once).
        """
        now = self._clock.monotonic()
        if now < self._paused_until:
            return self._paused_until
        if self._window is not None and now >= self._window.ends_at:
            self._window = self._window.following(now=now)
        if self._window is None or self._window.left > self._unanswered:
            return now
        return self._window.ends_at

    async def _wait(self, seconds: float) -> None:
        """Waits until ``seconds`` have passed, or an answer has come."""
        self._changed.clear()
        waits = {asyncio.ensure_future(self._changed.wait()), asyncio.ensure_future(self._clock.sleep(seconds))}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


class Turn:
    """One request's place in the budget."""

    def __init__(self, budget: RequestBudget, *, sent: float) -> None:
        self._budget = budget
        self._sent = sent
        self._is_answered = False

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Tell the budget the head of the answer, before the body is read."""
        self._is_answered = True
        self._budget.answered(status, headers, sent=self._sent)

    def end(self) -> None:
        """Give the place back."""
        if not self._is_answered:
            self._is_answered = True
            self._budget.unanswered()
