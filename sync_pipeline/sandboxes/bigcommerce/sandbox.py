"""The stores of one server and the clock that they share. State only; HTTP is gateway's and admin's business."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.sandboxes.bigcommerce.errors import ApiError
from sync_pipeline.sandboxes.bigcommerce.rate_limit import RateLimiter
from sync_pipeline.sandboxes.bigcommerce.store import Store
from sync_pipeline.sandboxes.kit.clock import Clock

if TYPE_CHECKING:
    from sync_pipeline.sandboxes.bigcommerce.catalog import Catalog


def default_token(store_hash: str) -> str:
    """The token of a store that was given none: `demo-token` for the store `demo`. Good for a sandbox only."""
    return f"{store_hash}-token"


class Sandbox:
    """Stores by hash."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.stores: dict[str, Store] = {}

    def add(self, catalog: Catalog, *, token: str = "") -> Store:
        """Opens a store with ``catalog``, in place of one with the same hash."""
        self.close(catalog.hash)
        store = Store(catalog, RateLimiter(self.clock), token or default_token(catalog.hash), self.clock)
        self.stores[catalog.hash] = store
        return store

    def close(self, store_hash: str) -> None:
        """Forgets a store, if there is one, and what it had to tell."""
        store = self.stores.pop(store_hash, None)
        if store is not None:
            store.outbox.close()

    def store(self, store_hash: str) -> Store:
        """The store; raises ApiError 404."""
        try:
            return self.stores[store_hash]
        except KeyError:
            raise ApiError(404, f"There is no store {store_hash}.") from None
