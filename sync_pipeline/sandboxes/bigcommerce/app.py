"""The ASGI application: BigCommerce's API and the control API over one sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from sync_pipeline.sandboxes.bigcommerce.admin import admin_table
from sync_pipeline.sandboxes.bigcommerce.gateway import serve
from sync_pipeline.sandboxes.kit.control import control_routes

if TYPE_CHECKING:
    from starlette.requests import Request

    from sync_pipeline.sandboxes.bigcommerce.sandbox import Sandbox
    from sync_pipeline.sandboxes.kit.wire import Reply

METHODS = ["GET", "POST", "PUT", "DELETE"]


def build_app(sandbox: Sandbox) -> Starlette:
    """Returns the application of ``sandbox``."""

    async def api(request: Request) -> Reply:
        return await serve(sandbox, request)

    store = Route("/stores/{store_hash}/{path:path}", api, methods=METHODS)
    return Starlette(routes=[*control_routes(sandbox, admin_table(sandbox)), store])
