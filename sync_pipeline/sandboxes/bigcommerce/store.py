"""One store as the server knows it: its catalogue, who may ask and how much, what goes wrong, what was counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sync_pipeline.sandboxes.bigcommerce.hooks import Hooks
from sync_pipeline.sandboxes.bigcommerce.outbox import Outbox
from sync_pipeline.sandboxes.bigcommerce.product_listing import ProductListing
from sync_pipeline.sandboxes.kit.tenants import Tenant

if TYPE_CHECKING:
    from sync_pipeline.sandboxes.bigcommerce.catalog import Catalog
    from sync_pipeline.sandboxes.bigcommerce.rate_limit import RateLimiter
    from sync_pipeline.sandboxes.bigcommerce.ready_made import ReadyMade
    from sync_pipeline.sandboxes.kit.clock import Clock

#: The read-only scopes that a synchronisation needs (guide to API accounts).
READ_SCOPES = frozenset(
    {
        "store_v2_products_read_only",
        "store_v2_content_read_only",
        "store_v2_information_read_only",
        "store_channel_settings_read_only",
        "store_sites_read_only",
    }
)


class StoreStatus(StrEnum):
    """A suspended store answers 503, one that uninstalled the app 401."""

    LIVE = "live"
    SUSPENDED = "suspended"
    UNINSTALLED = "uninstalled"


@dataclass
class Store(Tenant):
    """The state of one store.

    ``bare_429`` leaves the rate headers out of a 429, as an overloaded platform does. ``ready_made``, if given, keeps
    what the products list answers.
    """

    catalog: Catalog
    limiter: RateLimiter
    token: str
    clock: Clock
    scopes: frozenset[str] = READ_SCOPES
    status: StoreStatus = StoreStatus.LIVE
    bare_429: bool = False
    ready_made: ReadyMade | None = None
    hooks: Hooks = field(default_factory=Hooks)
    outbox: Outbox = field(init=False)
    listing: ProductListing = field(init=False)

    def __post_init__(self) -> None:
        self.listing = ProductListing(self.catalog.products)
        self.outbox = Outbox(self.catalog.info, self.hooks, self.clock)

    def may(self, scope: str) -> bool:
        """Returns whether the token's scopes allow reading what ``scope`` names (read-only, or the modifying form)."""
        return not scope or scope in self.scopes or scope.removesuffix("_read_only") in self.scopes

    def observed(self) -> dict[str, Any]:
        """Return the requests, the busiest rate window, and how many the limiter refused."""
        limiter = self.limiter
        return {**super().observed(), "busiest_window": limiter.busiest_window, "rate_limited": limiter.refused}

    def reset_counters(self) -> None:
        """Start counting again; the rate window itself goes on."""
        super().reset_counters()
        self.limiter.reset_counters()

    def close(self) -> None:
        """Send no more events."""
        self.outbox.close()
