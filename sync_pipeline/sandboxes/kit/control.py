"""The control API under ``/_sandbox`` that every sandbox has: health, the clock, and each tenant's faults and counters.

It has no token and is therefore only ever served on the loopback interface. Bodies and answers are JSON; an error is
``{"error": …}`` with the status of a RefusedError, or 400. A sandbox adds handlers of its own to the table.
"""

from __future__ import annotations

from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.routing import Route

from sync_pipeline.errors import UsageError
from sync_pipeline.sandboxes.kit.errors import RefusedError
from sync_pipeline.sandboxes.kit.faults import Fault
from sync_pipeline.sandboxes.kit.messages import ClockMove, FaultOrder
from sync_pipeline.sandboxes.kit.wire import json_reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from starlette.requests import Request

    from sync_pipeline.sandboxes.kit.tenants import Sandbox, Tenant
    from sync_pipeline.sandboxes.kit.wire import Reply

    Handler = Callable[[Request], Awaitable[Any]]
    #: Method, path below ``/_sandbox`` and handler of each.
    Table = Iterable[tuple[str, str, Handler]]

T = TypeVar("T")


def control_routes(sandbox: Sandbox[Any], own: Table = ()) -> list[Route]:
    """Return the routes of the control API of ``sandbox``: those that all have, and its ``own``."""
    table = [*Control(sandbox).table(), *own]
    return [Route(f"/_sandbox{path}", answering(handler), methods=[method]) for method, path, handler in table]


class Control:
    """The handlers that all sandboxes have. Each returns what is answered as JSON."""

    def __init__(self, sandbox: Sandbox[Any]) -> None:
        self._sandbox = sandbox

    def table(self) -> Table:
        """Return method, path and handler of each."""
        tenant = f"/{self._sandbox.noun}/{{tenant}}"
        return [
            ("GET", "/health", self.health),
            ("POST", "/clock", self.move_clock),
            ("POST", tenant + "/reset", self.reset),
            ("GET", tenant + "/counters", self.counters),
            ("DELETE", tenant + "/counters", self.reset_counters),
            ("POST", tenant + "/faults", self.inject_fault),
            ("GET", tenant + "/faults", self.list_faults),
            ("DELETE", tenant + "/faults", self.clear_faults),
        ]

    async def health(self, _request: Request) -> Any:
        """Tell that the server answers, and whom it serves."""
        return {"status": "ok", self._sandbox.noun: sorted(self._sandbox.tenants)}

    async def move_clock(self, request: Request) -> Any:
        """Move the sandbox's clock forward; the new present in epoch seconds."""
        self._sandbox.clock.advance((await body_of(request, ClockMove)).advance)
        return {"now": self._sandbox.clock.now()}

    async def reset(self, request: Request) -> Any:
        """Remove all faults, start counting again, and whatever else the sandbox begins anew."""
        self._tenant(request).reset()
        return {}

    async def counters(self, request: Request) -> Any:
        """Tell the requests by route and outcome."""
        return self._tenant(request).observed()

    async def reset_counters(self, request: Request) -> Any:
        """Start counting again."""
        self._tenant(request).reset_counters()
        return {}

    async def inject_fault(self, request: Request) -> Any:
        """Add a fault behind those already there."""
        order = await body_of(request, FaultOrder)
        return self._tenant(request).faults.inject(Fault(**msgspec.structs.asdict(order)))

    async def list_faults(self, request: Request) -> Any:
        """Tell the faults, with how often each matched and struck."""
        return self._tenant(request).faults.injected

    async def clear_faults(self, request: Request) -> Any:
        """Take one fault away (``?id=``), or all."""
        number = request.query_params.get("id")
        self._tenant(request).faults.remove(None if number is None else int(number))
        return {}

    def _tenant(self, request: Request) -> Tenant:
        return self._sandbox.tenant(request.path_params["tenant"])


def answering(handler: Handler) -> Callable[[Request], Awaitable[Reply]]:
    """Make ``handler`` an endpoint: what it returns is answered as JSON, what it raises as ``{"error": …}``."""

    @wraps(handler)
    async def answer(request: Request) -> Reply:
        try:
            return json_reply(HTTPStatus.OK, await handler(request))
        except RefusedError as error:
            return json_reply(error.status, {"error": error.title})
        except (UsageError, msgspec.ValidationError, msgspec.DecodeError) as error:
            return json_reply(HTTPStatus.BAD_REQUEST, {"error": str(error)})

    return answer


async def body_of(request: Request, kind: type[T]) -> T:
    """Return the body as ``kind``; raises msgspec.DecodeError."""
    return msgspec.json.decode(await request.body(), type=kind)
