"""What the control API has beyond the kit's: stores to open and change, and edits of their records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sync_pipeline.sandboxes.bigcommerce import events
from sync_pipeline.sandboxes.bigcommerce.announced_edits import AnnouncedEdits
from sync_pipeline.sandboxes.bigcommerce.demo import demo_catalog
from sync_pipeline.sandboxes.bigcommerce.event_admin import EventAdmin
from sync_pipeline.sandboxes.bigcommerce.folder import folder_catalog
from sync_pipeline.sandboxes.bigcommerce.generated_content import generated_catalog
from sync_pipeline.sandboxes.bigcommerce.messages import (
    QuotaUse,
    StoreChange,
    StoreOrder,
    StoreView,
)
from sync_pipeline.sandboxes.bigcommerce.store import StoreStatus
from sync_pipeline.sandboxes.kit.control import body_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from sync_pipeline.sandboxes.bigcommerce.catalog import Catalog
    from sync_pipeline.sandboxes.bigcommerce.sandbox import Sandbox
    from sync_pipeline.sandboxes.bigcommerce.store import Store
    from sync_pipeline.sandboxes.kit.control import Table


def admin_table(sandbox: Sandbox) -> Table:
    """Return method, path and handler of each."""
    admin = Admin(sandbox)
    store, kind = "/stores/{tenant}", "/stores/{tenant}/records/{kind}"
    variants = kind + "/{number:int}/variants"
    return [
        ("GET", "/stores", admin.list_stores),
        ("POST", "/stores", admin.open_store),
        ("PATCH", store, admin.change_store),
        ("DELETE", store, admin.close_store),
        ("POST", store + "/other-apps", admin.other_apps),
        ("POST", kind, admin.create),
        ("PATCH", kind + "/{number:int}", admin.update),
        ("DELETE", kind + "/{number:int}", admin.delete),
        ("POST", variants, admin.create_variant),
        ("PATCH", variants + "/{variant:int}", admin.update_variant),
        ("DELETE", variants + "/{variant:int}", admin.delete_variant),
        *EventAdmin(sandbox).table(store),
    ]


class Admin:
    """The handlers. Each returns what is answered as JSON."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def list_stores(self, _request: Request) -> Any:
        """Returns every store without its token."""
        return [_view(store) for store in self._sandbox.stores.values()]

    async def open_store(self, request: Request) -> Any:
        """Opens a store: demo, generated or from a folder."""
        order = await body_of(request, StoreOrder)
        return _view(self._sandbox.add(ordered_catalog(order), token=order.token))

    async def change_store(self, request: Request) -> Any:
        """Sets token, scopes, quota, window, status and client secret, those that are given."""
        store, change = self._store(request), await body_of(request, StoreChange)
        if change.token is not None:
            store.token = change.token
        if change.scopes is not None:
            store.scopes = frozenset(change.scopes)
        if change.status is not None:
            self._set_status(store, change.status)
        if change.client_secret is not None:
            store.outbox.client_secret = change.client_secret
        if change.bare_429 is not None:
            store.bare_429 = change.bare_429
        store.limiter.quota = store.limiter.quota if change.quota is None else change.quota
        store.limiter.window = store.limiter.window if change.window is None else change.window
        return _view(store)

    async def close_store(self, request: Request) -> Any:
        """Forgets a store."""
        self._sandbox.close(self._store(request).catalog.hash)
        return {}

    async def other_apps(self, request: Request) -> Any:
        """Uses up some of the quota, as other apps on the store do."""
        self._store(request).limiter.take((await body_of(request, QuotaUse)).requests)
        return {}

    async def create(self, request: Request) -> Any:
        """Adds a record."""
        return self._edits(request).create(request.path_params["kind"], await body_of(request, dict[str, Any]))

    async def update(self, request: Request) -> Any:
        """Overwrites fields of a record."""
        path = request.path_params
        return self._edits(request).update(path["kind"], path["number"], await body_of(request, dict[str, Any]))

    async def delete(self, request: Request) -> Any:
        """Deletes a record."""
        self._edits(request).delete(request.path_params["kind"], request.path_params["number"])
        return {}

    async def create_variant(self, request: Request) -> Any:
        """Adds a variant to a product."""
        body = await body_of(request, dict[str, Any])
        return self._edits(request).create_variant(request.path_params["number"], body)

    async def update_variant(self, request: Request) -> Any:
        """Overwrites fields of a variant."""
        path, body = request.path_params, await body_of(request, dict[str, Any])
        return self._edits(request).update_variant(path["number"], path["variant"], body)

    async def delete_variant(self, request: Request) -> Any:
        """Deletes a variant."""
        self._edits(request).delete_variant(request.path_params["number"], request.path_params["variant"])
        return {}

    def _store(self, request: Request) -> Store:
        return self._sandbox.store(request.path_params["tenant"])

    def _edits(self, request: Request) -> AnnouncedEdits:
        store = self._store(request)
        return AnnouncedEdits(store.catalog, self._sandbox.clock, store.outbox.announce)

    @staticmethod
    def _set_status(store: Store, status: StoreStatus) -> None:
        if status is StoreStatus.UNINSTALLED and store.status is not status:
            store.outbox.announce(events.app_uninstalled())
            store.hooks.forget_all()
        store.status = status


def ordered_catalog(order: StoreOrder) -> Catalog:
    """Returns the catalogue that ``order`` asks for; raises UsageError."""
    if order.kind == "folder":
        return folder_catalog(Path(order.folder))
    if order.kind == "generated":
        size = {"products": order.products, "pages": order.pages, "posts": order.posts}
        return generated_catalog(order.hash, seed=order.seed, **size)
    return demo_catalog(order.hash)


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
