"""The control API from Python, with what it has beyond the kit's: open stores, change and edit them. Synchronous."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sync_pipeline.sandboxes.bigcommerce.event_messages import EventSettings, EventsView
from sync_pipeline.sandboxes.bigcommerce.messages import (
    QuotaUse,
    RecordKind,
    StoreChange,
    StoreCounters,
    StoreOrder,
    StoreView,
)
from sync_pipeline.sandboxes.kit.control_client import ControlClient

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sync_pipeline.sandboxes.bigcommerce.store import StoreStatus


class SandboxAdmin(ControlClient):
    """A client of the control API at ``base_url``. Every method raises httpx.HTTPStatusError for a refusal."""

    noun = "stores"

    def stores(self) -> list[StoreView]:
        """Returns every store."""
        return self._ask("GET", "/stores", list[StoreView])

    def open_demo(self, store_hash: str = "demo", *, token: str = "") -> StoreView:
        """Opens the demonstration shop; its token is ``<hash>-token`` unless one is given."""
        return self._open(StoreOrder(kind="demo", hash=store_hash, token=token))

    def open_generated(
        self, store_hash: str, *, seed: int = 1, products: int = 1000, pages: int = 12, posts: int = 40, token: str = ""
    ) -> StoreView:
        """Opens a generated store; its token is ``<hash>-token`` unless one is given."""
        order = StoreOrder("generated", store_hash, token, seed=seed, products=products, pages=pages, posts=posts)
        return self._open(order)

    def open_folder(self, folder: Path, *, token: str = "") -> StoreView:
        """Opens the store in ``folder``, under the hash in its `store.json`."""
        return self._open(StoreOrder(kind="folder", folder=str(folder.absolute()), token=token))

    def configure(
        self,
        store_hash: str,
        *,
        token: str | None = None,
        scopes: Iterable[str] | None = None,
        status: StoreStatus | None = None,
        quota: int | None = None,
        window: float | None = None,
        bare_429: bool | None = None,
        client_secret: str | None = None,
    ) -> StoreView:
        """Sets what is given: ``quota`` requests per ``window`` seconds; ``bare_429`` keeps rate headers off a 429.

        A status of uninstalled is told by an event, and deletes the hooks; with a ``client_secret`` events are signed.
        """
        wanted = None if scopes is None else list(scopes)
        change = StoreChange(token, wanted, status, quota, window, bare_429, client_secret)
        return self._ask("PATCH", f"/stores/{store_hash}", StoreView, change)

    def close_store(self, store_hash: str) -> None:
        """Forgets a store."""
        self._ask("DELETE", f"/stores/{store_hash}", dict)

    def create(self, store_hash: str, kind: RecordKind, body: dict[str, Any]) -> dict[str, Any]:
        """Adds a record from a partial one; the whole record, with its number."""
        return self._ask("POST", f"/stores/{store_hash}/records/{kind}", dict[str, Any], body)

    def update(self, store_hash: str, kind: RecordKind, number: int, body: dict[str, Any]) -> dict[str, Any]:
        """Overwrites fields; a product's `date_modified` becomes the sandbox's present unless ``body`` names it."""
        return self._ask("PATCH", f"/stores/{store_hash}/records/{kind}/{number}", dict[str, Any], body)

    def delete(self, store_hash: str, kind: RecordKind, number: int) -> None:
        """Deletes a record; a category takes those below it along, a tree its categories."""
        self._ask("DELETE", f"/stores/{store_hash}/records/{kind}/{number}", dict)

    def create_variant(self, store_hash: str, product: int, body: dict[str, Any]) -> dict[str, Any]:
        """Adds a variant; the product's `date_modified` stays."""
        return self._ask("POST", f"/stores/{store_hash}/records/products/{product}/variants", dict[str, Any], body)

    def update_variant(self, store_hash: str, product: int, variant: int, body: dict[str, Any]) -> dict[str, Any]:
        """Overwrites fields of a variant; the product's `date_modified` stays."""
        path = f"/stores/{store_hash}/records/products/{product}/variants/{variant}"
        return self._ask("PATCH", path, dict[str, Any], body)

    def delete_variant(self, store_hash: str, product: int, variant: int) -> None:
        """Deletes a variant; the product's `date_modified` stays."""
        self._ask("DELETE", f"/stores/{store_hash}/records/products/{product}/variants/{variant}", dict)

    def counters(self, tenant: str) -> StoreCounters:
        """Return what was asked of the store since the last reset."""
        return self._ask("GET", f"/stores/{tenant}/counters", StoreCounters)

    def change_info(self, store_hash: str, **fields: Any) -> dict[str, Any]:
        """Overwrites fields of what `/v2/store` answers, such as ``currency``; `store/information/updated` tells it."""
        return self._ask("PATCH", f"/stores/{store_hash}/info", dict[str, Any], fields)

    def configure_events(self, store_hash: str, settings: EventSettings) -> EventSettings:
        """Sets how the store's events are sent, and what goes wrong with them."""
        return self._ask("PUT", f"/stores/{store_hash}/events", EventSettings, settings)

    def events(self, store_hash: str) -> EventsView:
        """Returns what became of the store's events since the last reset, and what still waits."""
        return self._ask("GET", f"/stores/{store_hash}/events", EventsView)

    def reset_events(self, store_hash: str) -> None:
        """Starts counting events again; what waits to be sent goes on waiting."""
        self._ask("DELETE", f"/stores/{store_hash}/events", dict)

    def use_quota(self, store_hash: str, requests: int) -> None:
        """Uses up some of the present window's quota, as other apps on the store do."""
        self._ask("POST", f"/stores/{store_hash}/other-apps", dict, QuotaUse(requests))

    def _open(self, order: StoreOrder) -> StoreView:
        return self._ask("POST", "/stores", StoreView, order)
