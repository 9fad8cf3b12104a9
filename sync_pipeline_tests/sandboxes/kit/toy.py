"""A sandbox of a service that lists letters, made of the kit alone: what each of the real ones begins with."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from sync_pipeline.sandboxes.kit import process, tenants
from sync_pipeline.sandboxes.kit.control import control_routes
from sync_pipeline.sandboxes.kit.faults import Fault, FaultKind
from sync_pipeline.sandboxes.kit.wire import Reply, json_reply


@dataclass
class Drawer(tenants.Tenant):
    letters: list[str] = field(default_factory=lambda: ["a", "b", "c"])


class Toy(tenants.Sandbox[Drawer]):
    noun = "drawers"


async def letters(sandbox: Toy, request: Request) -> Reply:
    drawer = sandbox.tenant(request.path_params["drawer"])

    async def answer(fault: Fault | None) -> Reply:
        if fault and fault.status:
            waiting = fault.kind is FaultKind.TOO_MANY_REQUESTS
            headers = {"Retry-After": f"{fault.seconds:g}"} if waiting else {}
            return json_reply(fault.status, {"message": fault.kind}, headers)
        return json_reply(200, {"letters": drawer.letters[: fault.items_left if fault else None]})

    return await drawer.serve("/letters", "/letters", answer)


def toy() -> Toy:
    sandbox = Toy()
    for name in ("one", "other"):
        sandbox.put(name, Drawer())
    return sandbox


def build_app(sandbox: Toy) -> Starlette:
    return Starlette(routes=[*control_routes(sandbox), Route("/{drawer}/letters", partial(letters, sandbox))])


if __name__ == "__main__":
    sys.exit(process.run(process.parser_of(__spec__.name, "A toy."), lambda _: toy(), build_app))
