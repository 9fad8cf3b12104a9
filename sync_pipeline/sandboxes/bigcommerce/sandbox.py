"""The stores of one server. State only; HTTP is gateway's and admin's business."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.sandboxes.bigcommerce.kept import keep, restore_rest
from sync_pipeline.sandboxes.bigcommerce.rate_limit import RateLimiter
from sync_pipeline.sandboxes.bigcommerce.store import Store
from sync_pipeline.sandboxes.kit import tenants

if TYPE_CHECKING:
    from pathlib import Path

    from sync_pipeline.sandboxes.bigcommerce.catalog import Catalog
    from sync_pipeline.sandboxes.kit.clock import Clock


def default_token(store_hash: str) -> str:
    """Returns the token of a store that was given none: `demo-token` for the store `demo`. Good for a sandbox only."""
    return f"{store_hash}-token"


class Sandbox(tenants.Sandbox[Store]):
    """Stores by hash."""

    noun = "stores"

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self._kept: dict[str, Path] = {}

    @property
    def stores(self) -> dict[str, Store]:
        """The stores by hash."""
        return self.tenants

    def store(self, store_hash: str) -> Store:
        """Return the store; raises RefusedError 404."""
        return self.tenant(store_hash)

    def add(self, catalog: Catalog, *, token: str = "") -> Store:
        """Opens a store with ``catalog``, in place of one with the same hash."""
        store = Store(catalog, RateLimiter(self.clock), token or default_token(catalog.hash), self.clock)
        return self.put(catalog.hash, store)

    def keep_store(self, store_hash: str, folder: Path) -> None:
        """Gives a store what was kept in ``folder`` beside its catalogue, and keeps it there at the end.

        Raises UsageError for a malformed file.
        """
        restore_rest(self.stores[store_hash], folder)
        self._kept[store_hash] = folder

    def end(self) -> None:
        """Writes the stores that are kept. Raises OSError."""
        for store_hash, folder in self._kept.items():
            if store_hash in self.stores:
                keep(self.stores[store_hash], folder)
