"""The control API under ``/_sandbox``: stores, edits, faults, counters, the clock. For tests, demonstrations and chaos.

It has no token and is therefore only ever served on the loopback interface. Bodies and answers are JSON; an error is
``{"error": …}`` with 400 or 404.
"""

from __future__ import annotations

from functools import wraps
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from sync_pipeline.errors import UsageError
from sync_pipeline.local.bigcommerce.demo import demo_catalog
from sync_pipeline.local.bigcommerce.edits import Edits
from sync_pipeline.local.bigcommerce.errors import ApiError
from sync_pipeline.local.bigcommerce.faults import Fault
from sync_pipeline.local.bigcommerce.folder import folder_catalog
from sync_pipeline.local.bigcommerce.generated_content import generated_catalog
from sync_pipeline.local.bigcommerce.messages import ClockMove, FaultOrder, QuotaUse, StoreChange, StoreOrder, StoreView

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from sync_pipeline.local.bigcommerce.catalog import Catalog
    from sync_pipeline.local.bigcommerce.sandbox import Sandbox
    from sync_pipeline.local.bigcommerce.store import Store

    Handler = Callable[[Request], Awaitable[Any]]

T = TypeVar("T")


def admin_routes(sandbox: Sandbox) -> list[Route]:
    """The routes of the control API of ``sandbox``."""
    admin = Admin(sandbox)
    store, kind = "/_sandbox/stores/{store_hash}", "/_sandbox/stores/{store_hash}/records/{kind}"
    variants = kind + "/{number:int}/variants"
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/_sandbox/health", admin.health),
        ("POST", "/_sandbox/clock", admin.move_clock),
        ("GET", "/_sandbox/stores", admin.list_stores),
        ("POST", "/_sandbox/stores", admin.open_store),
        ("PATCH", store, admin.change_store),
        ("DELETE", store, admin.close_store),
        ("GET", store + "/counters", admin.counters),
        ("DELETE", store + "/counters", admin.reset_counters),
        ("POST", store + "/other-apps", admin.other_apps),
        ("POST", store + "/faults", admin.inject_fault),
        ("GET", store + "/faults", admin.list_faults),
        ("DELETE", store + "/faults", admin.clear_faults),
        ("POST", kind, admin.create),
        ("PATCH", kind + "/{number:int}", admin.update),
        ("DELETE", kind + "/{number:int}", admin.delete),
        ("POST", variants, admin.create_variant),
        ("PATCH", variants + "/{variant:int}", admin.update_variant),
        ("DELETE", variants + "/{variant:int}", admin.delete_variant),
    ]
    return [Route(path, _answering(handler), methods=[method]) for method, path, handler in table]


def _answering(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            data, status = await handler(request), HTTPStatus.OK
        except ApiError as error:
            data, status = {"error": error.title}, HTTPStatus(error.status)
        except (UsageError, msgspec.ValidationError, msgspec.DecodeError) as error:
            data, status = {"error": str(error)}, HTTPStatus.BAD_REQUEST
        return Response(msgspec.json.encode(data), status, media_type="application/json")

    return answer


class Admin:
    """The handlers. Each returns what is answered as JSON."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def health(self, _request: Request) -> Any:
        """That the server answers, and which stores it has."""
        return {"status": "ok", "stores": sorted(self._sandbox.stores)}

    async def move_clock(self, request: Request) -> Any:
        """Moves the sandbox's clock forward; the new present in epoch seconds."""
        self._sandbox.clock.advance((await _body(request, ClockMove)).advance)
        return {"now": self._sandbox.clock.now()}

    async def list_stores(self, _request: Request) -> Any:
        """Every store without its token."""
        return [_view(store) for store in self._sandbox.stores.values()]

    async def open_store(self, request: Request) -> Any:
        """Opens a store: demo, generated or from a folder."""
        order = await _body(request, StoreOrder)
        return _view(self._sandbox.add(ordered_catalog(order), token=order.token))

    async def change_store(self, request: Request) -> Any:
        """Sets token, scopes, quota, window and status, those that are given."""
        store, change = self._store(request), await _body(request, StoreChange)
        if change.token is not None:
            store.token = change.token
        if change.scopes is not None:
            store.scopes = frozenset(change.scopes)
        if change.status is not None:
            store.status = change.status
        if change.bare_429 is not None:
            store.bare_429 = change.bare_429
        store.limiter.quota = store.limiter.quota if change.quota is None else change.quota
        store.limiter.window = store.limiter.window if change.window is None else change.window
        return _view(store)

    async def close_store(self, request: Request) -> Any:
        """Forgets a store."""
        del self._sandbox.stores[self._store(request).catalog.hash]
        return {}

    async def counters(self, request: Request) -> Any:
        """Requests by path template and outcome, the busiest window and the refusals of the limiter."""
        store = self._store(request)
        limiter = store.limiter
        observed = {"busiest_window": limiter.busiest_window, "rate_limited": limiter.refused}
        return {"requests": store.counters.by_template, **observed}

    async def reset_counters(self, request: Request) -> Any:
        """Starts counting again."""
        store = self._store(request)
        store.counters.reset()
        store.limiter.reset_counters()
        return {}

    async def other_apps(self, request: Request) -> Any:
        """Uses up some of the quota, as other apps on the store do."""
        self._store(request).limiter.take((await _body(request, QuotaUse)).requests)
        return {}

    async def inject_fault(self, request: Request) -> Any:
        """Adds a fault behind those already there."""
        order = await _body(request, FaultOrder)
        return self._store(request).faults.inject(Fault(**msgspec.structs.asdict(order)))

    async def list_faults(self, request: Request) -> Any:
        """The faults with how often each matched and struck."""
        return self._store(request).faults.injected

    async def clear_faults(self, request: Request) -> Any:
        """Takes one fault away (``?id=``), or all."""
        number = request.query_params.get("id")
        self._store(request).faults.remove(None if number is None else int(number))
        return {}

    async def create(self, request: Request) -> Any:
        """Adds a record."""
        return self._edits(request).create(request.path_params["kind"], await _body(request, dict[str, Any]))

    async def update(self, request: Request) -> Any:
        """Overwrites fields of a record."""
        path = request.path_params
        return self._edits(request).update(path["kind"], path["number"], await _body(request, dict[str, Any]))

    async def delete(self, request: Request) -> Any:
        """Deletes a record."""
        self._edits(request).delete(request.path_params["kind"], request.path_params["number"])
        return {}

    async def create_variant(self, request: Request) -> Any:
        """Adds a variant to a product."""
        body = await _body(request, dict[str, Any])
        return self._edits(request).create_variant(request.path_params["number"], body)

    async def update_variant(self, request: Request) -> Any:
        """Overwrites fields of a variant."""
        path, body = request.path_params, await _body(request, dict[str, Any])
        return self._edits(request).update_variant(path["number"], path["variant"], body)

    async def delete_variant(self, request: Request) -> Any:
        """Deletes a variant."""
        self._edits(request).delete_variant(request.path_params["number"], request.path_params["variant"])
        return {}

    def _store(self, request: Request) -> Store:
        return self._sandbox.store(request.path_params["store_hash"])

    def _edits(self, request: Request) -> Edits:
        return Edits(self._store(request).catalog, self._sandbox.clock)


def ordered_catalog(order: StoreOrder) -> Catalog:
    """The catalogue that ``order`` asks for; raises UsageError."""
    if order.kind == "folder":
        return folder_catalog(Path(order.folder))
    if order.kind == "generated":
        size = {"products": order.products, "pages": order.pages, "posts": order.posts}
        return generated_catalog(order.hash, seed=order.seed, **size)
    return demo_catalog(order.hash)


async def _body(request: Request, kind: type[T]) -> T:
    return msgspec.json.decode(await request.body(), type=kind)


def _view(store: Store) -> StoreView:
    return StoreView(
        hash=store.catalog.hash,
        name=store.catalog.info["name"],
        status=store.status,
        scopes=sorted(store.scopes),
        quota=store.limiter.quota,
        window=store.limiter.window,
        bare_429=store.bare_429,
        products=len(store.catalog.products),
    )
