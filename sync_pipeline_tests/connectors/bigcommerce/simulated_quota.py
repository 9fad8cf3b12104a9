"""A store's quota as the service keeps it: windows, other apps, answers that are slow and overtake each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from sync_pipeline.connectors.bigcommerce.budget import RequestBudget

WINDOW = 30.0


@dataclass
class Window:
    starts_at: float
    quota: int
    ours: int = 0
    others: int = 0
    refused: int = 0


@dataclass
class SimulatedQuota:
    """``latency`` gives the seconds of one answer, half before the service counts the request, half after.

    ``is_lazy``: a window begins with the first request after the last one ended, else by the clock.
    """

    quota: int = 150
    latency: Callable[[], float] = lambda: 0.4
    is_lazy: bool = False
    without_headers: bool = False
    windows: list[Window] = field(default_factory=list)

    def use(self, *, by_other: bool = False) -> bool:
        window = self._window()
        if window.ours + window.others >= window.quota:
            window.refused += not by_other
            return False
        if by_other:
            window.others += 1
        else:
            window.ours += 1
        return True

    async def request(self, budget: RequestBudget, *, since: float | None = None) -> int:
        loop = asyncio.get_running_loop()
        async with budget.turn(since=loop.time() if since is None else since) as turn:
            latency = self.latency()
            await asyncio.sleep(latency / 2)
            status = 200 if self.use() else 429
            headers = self.headers()
            await asyncio.sleep(latency / 2)
            turn.answered(status, headers)
        return status

    def headers(self) -> dict[str, str]:
        if self.without_headers:
            return {}
        window = self._window()
        left = window.starts_at + WINDOW - asyncio.get_running_loop().time()
        return {
            "x-rate-limit-time-window-ms": str(round(WINDOW * 1000)),
            "x-rate-limit-time-reset-ms": str(round(left * 1000)),
            "x-rate-limit-requests-quota": str(window.quota),
            "x-rate-limit-requests-left": str(window.quota - window.ours - window.others),
        }

    def _window(self) -> Window:
        now = asyncio.get_running_loop().time()
        if not self.windows or now >= self.windows[-1].starts_at + WINDOW:
            self.windows.append(Window(now if self.is_lazy else now // WINDOW * WINDOW, self.quota))
        return self.windows[-1]
