"""What BigCommerce tells of a change: which events it makes, with which data. Pure, but for the comparison of records.

Sources: bigcommerce/docs, ``docs/integrations/webhooks/events`` and ``reference/webhooks.v3.yml``. Nothing is told of
brands, blog posts and deleted pages. An edit that changes no value tells nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sync_pipeline.sandboxes.bigcommerce.shapes import Record

    #: The channels whose category trees have one of the categories.
    Showing = Callable[[set[int]], set[int]]

#: Fields of a product whose change is no `store/product/updated`: the documented ones, and those with events of their
#: own or none.
QUIET = frozenset(
    {"mpn", "gtin", "product_tax_code", "images", "videos", "custom_fields", "channels", "variants", "date_modified"}
)


@dataclass(slots=True, frozen=True)
class Event:
    """One event, before it is dated and addressed."""

    scope: str
    data: dict[str, Any]

    def payload(self, store_hash: str, store_id: int, now: float) -> tuple[str, bytes]:
        """Its hash and its body. The same event of the same second has the same hash."""
        body = {
            "scope": self.scope,
            "store_id": str(store_id),
            "data": self.data,
            "created_at": int(now),
            "producer": f"stores/{store_hash}",
        }
        digest = hashlib.sha1(msgspec.json.encode(body), usedforsecurity=False).hexdigest()
        return digest, msgspec.json.encode({**body, "hash": digest})


def product_created(product: Record, showing: Showing) -> list[Event]:
    """Returns the events of a new product, where it is sold, and where it is shelved."""
    return [_of("product", "created", product["id"]), *_assignments({}, product, showing)]


def product_updated(old: Record, new: Record, showing: Showing) -> list[Event]:
    """Returns the events of a changed product. One of stock is told twice: as of the product, and as of its stock."""
    number, changed = new["id"], {name for name in new if new[name] != old.get(name)}
    events = [_of("product", "updated", number)] if changed - QUIET else []
    if "inventory_level" in changed:
        stock = {"product_id": number, "method": "absolute", "value": new["inventory_level"] - old["inventory_level"]}
        events.append(Event("store/product/inventory/updated", {"type": "product", "id": number, "inventory": stock}))
    return [*events, *_assignments(old, new, showing)]


def product_deleted(number: int) -> list[Event]:
    """Returns the events of a product that is gone."""
    return [_of("product", "deleted", number)]


def variant_changed(verb: str, variant: Record) -> Event:
    """Returns the event of a variant that was created, updated or deleted: BigCommerce calls it a SKU."""
    part = {"product_id": variant["product_id"], "variant_id": variant["id"]}
    return Event(f"store/sku/{verb}", {"type": "sku", "id": _sku(variant), "sku": part})


def variant_updated(old: Record, new: Record) -> list[Event]:
    """Returns the events of a changed variant, and its stock."""
    events = [variant_changed("updated", new)] if old != new else []
    change = new["inventory_level"] - old["inventory_level"]
    if change:
        stock = {"product_id": new["product_id"], "method": "absolute", "value": change, "variant_id": new["id"]}
        events.append(Event("store/sku/inventory/updated", {"type": "sku", "id": _sku(new), "inventory": stock}))
    return events


def categories_changed(verb: str, numbers: Iterable[int]) -> list[Event]:
    """Returns the events of categories that were created, updated or deleted."""
    return [_of("category", verb, number) for number in numbers]


def page_changed(verb: str, page: Record) -> list[Event]:
    """Returns the event of a web page that was created or updated."""
    return [Event(f"store/channel/{page['channel_id']}/page/{verb}", {"page_id": page["id"]})]


def site_changed(*versions: Record) -> list[Event]:
    """Returns the event of a channel's site, from its versions before and after it, those there are."""
    channels = sorted({site["channel_id"] for site in versions})
    data = {"site_id": versions[0]["id"]}
    return [Event(f"store/channel/{channel}/settings/site/updated", data) for channel in channels]


def tree_changed(*versions: Record) -> list[Event]:
    """Returns the events of a category tree, likewise: its channels are told, of its categories nothing."""
    channels = sorted({channel for tree in versions for channel in tree["channels"]})
    data = {"tree_id": versions[0]["id"]}
    return [Event(f"store/channel/{channel}/categoryTree/updated", data) for channel in channels]


def information_updated() -> list[Event]:
    """Returns the event of a change of the store's own facts."""
    return [Event("store/information/updated", {"type": "store"})]


def app_uninstalled() -> list[Event]:
    """Returns the event of the app being uninstalled. Its data are not documented."""
    return [Event("store/app/uninstalled", {"type": "app"})]


def _of(word: str, verb: str, number: int) -> Event:
    return Event(f"store/{word}/{verb}", {"type": word, "id": number})


def _sku(variant: Record) -> int:
    return variant["sku_id"] or variant["id"]


def _assignments(old: Record, new: Record, showing: Showing) -> list[Event]:
    """Returns the channels that a product was taken from and given to, and those in whose trees its categories changed.

    BigCommerce documents one form of data for all four: the product's number, without the category's.
    """
    told = {
        "product/unassigned": _lost(old, new, "channels"),
        "product/assigned": _lost(new, old, "channels"),
        "category/product/unassigned": showing(_lost(old, new, "categories")),
        "category/product/assigned": showing(_lost(new, old, "categories")),
    }
    return [
        Event(f"store/channel/{channel}/{what}", {"product_id": new["id"]})
        for what, channels in told.items()
        for channel in sorted(channels)
    ]


def _lost(before: Record, after: Record, field: str) -> set[int]:
    return {*before.get(field, ())} - {*after.get(field, ())}
