"""The control API from Python: make trouble, look at what was asked, move the clock. Synchronous."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import httpx
import msgspec

from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline.sandboxes.kit.messages import ClockMove, CountersView, FaultOrder, FaultView

if TYPE_CHECKING:
    from types import TracebackType

TIMEOUT_SECONDS = 30.0
T = TypeVar("T")


class ControlClient:
    """A client of the control API at ``base_url``. Every method raises httpx.HTTPStatusError for a refusal.

    A sandbox's own client derives from it; ``noun`` is that of its Sandbox.
    """

    noun: ClassVar[str] = "tenants"

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(
            base_url=f"{base_url.rstrip('/')}/_sandbox",
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            # A kept connection may be closed by the server in the moment of its next use.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def health(self) -> list[str]:
        """Return the names of those who are served; raises httpx.ConnectError where nothing listens."""
        return self._ask("GET", "/health", dict[str, Any])[self.noun]

    def inject(
        self,
        tenant: str,
        kind: FaultKind,
        *,
        path: str = "*",
        count: int | None = None,
        probability: float = 1.0,
        after: int = 0,
        seed: int = 0,
        seconds: float = 0.0,
        items: int = 0,
    ) -> FaultView:
        """Make the tenant's requests whose path matches the glob ``path`` suffer.

        The first ``after`` matching ones pass, then ``count`` suffer (None: all until cleared), each with
        ``probability`` drawn from ``seed``. ``seconds`` is the delay of latency and the waiting time that a 429 tells
        (0: the service's own); ``items`` is how much of the collection a short list has.
        """
        order = FaultOrder(FaultKind(kind), path, count, probability, after, seed, seconds, items)
        return self._ask("POST", f"{self._of(tenant)}/faults", FaultView, order)

    def faults(self, tenant: str) -> list[FaultView]:
        """Return the injected faults, with how often each matched and struck."""
        return self._ask("GET", f"{self._of(tenant)}/faults", list[FaultView])

    def clear_faults(self, tenant: str, number: int | None = None) -> None:
        """Take one fault away, or all."""
        chosen = "" if number is None else f"?id={number}"
        self._ask("DELETE", f"{self._of(tenant)}/faults{chosen}", dict)

    def counters(self, tenant: str) -> CountersView:
        """Return what was asked of the tenant since the last reset."""
        return self._ask("GET", f"{self._of(tenant)}/counters", CountersView)

    def reset_counters(self, tenant: str) -> None:
        """Start counting again."""
        self._ask("DELETE", f"{self._of(tenant)}/counters", dict)

    def reset(self, tenant: str) -> None:
        """Remove all faults, start counting again, and whatever else the sandbox begins anew."""
        self._ask("POST", f"{self._of(tenant)}/reset", dict)

    def advance_clock(self, seconds: float) -> float:
        """Move the sandbox's clock forward; return the new present in epoch seconds."""
        return self._ask("POST", "/clock", dict[str, float], ClockMove(seconds))["now"]

    def _of(self, tenant: str) -> str:
        return f"/{self.noun}/{tenant}"

    def _ask(self, method: str, path: str, answer: type[T], body: Any = None) -> T:
        content = None if body is None else msgspec.json.encode(body)
        response = self._http.request(method, path, content=content)
        response.raise_for_status()
        return msgspec.json.decode(response.content, type=answer)
