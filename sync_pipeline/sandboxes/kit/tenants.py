"""Who is served: tenants by name, and the way of a request past a tenant's faults and counters.

A tenant is whoever a service keeps apart from others: a store, an application, a base. Each has faults and counters of
its own, so that tests share one server.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from sync_pipeline.sandboxes.kit.clock import Clock
from sync_pipeline.sandboxes.kit.counters import Counters
from sync_pipeline.sandboxes.kit.damage import damage
from sync_pipeline.sandboxes.kit.errors import RefusedError
from sync_pipeline.sandboxes.kit.faults import Faults

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sync_pipeline.sandboxes.kit.faults import Fault
    from sync_pipeline.sandboxes.kit.wire import Reply


@dataclass(kw_only=True)
class Tenant:
    """One tenant: what goes wrong with its requests, and how many there were. A sandbox derives its own."""

    faults: Faults = field(default_factory=Faults)
    counters: Counters = field(default_factory=Counters)

    async def serve(self, path: str, route: str, answer: Callable[[Fault | None], Awaitable[Reply]]) -> Reply:
        """Answer one request of ``path``: wait out injected latency, ask ``answer``, damage its reply, count it.

        ``answer`` gets the fault that strikes, because a service refuses in its own words (``fault.status``) and
        shortens its own lists (``fault.items_left``). ``route`` is the path's template, under which it is counted.
        """
        delay, fault = self.faults.striking(path)
        if delay:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.faults.removed.wait(), delay)
        reply = await answer(fault)
        self.counters.count(route, damage(reply, fault) or reply.status)
        return reply

    def observed(self) -> dict[str, Any]:
        """Return what the control API tells of the requests so far."""
        return {"requests": self.counters.by_route}

    def reset_counters(self) -> None:
        """Start counting again."""
        self.counters.reset()

    def reset(self) -> None:
        """Remove all faults and start counting again; a sandbox that can begin anew does so too."""
        self.faults.remove()
        self.reset_counters()

    def close(self) -> None:
        """Let go of what it holds; it is no longer served."""


T = TypeVar("T", bound=Tenant)


class Sandbox(Generic[T]):
    """The tenants of one server and the clock that they share. ``noun`` is their place in the control API's paths."""

    noun: ClassVar[str] = "tenants"

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.tenants: dict[str, T] = {}

    def put(self, name: str, tenant: T) -> T:
        """Serve a tenant, in place of one of the same name."""
        self.close(name)
        self.tenants[name] = tenant
        return tenant

    def close(self, name: str) -> None:
        """Forget a tenant, if there is one of that name."""
        if tenant := self.tenants.pop(name, None):
            tenant.close()

    def end(self) -> None:
        """Keep what is to be kept; called at the orderly end of a server that is a process of its own."""

    def tenant(self, name: str) -> T:
        """Return a tenant; raises RefusedError 404."""
        try:
            return self.tenants[name]
        except KeyError:
            raise RefusedError(404, f"{name} is not served.") from None
