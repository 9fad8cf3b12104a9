"""What a webhook event of BigCommerce is about: scope and data in, the key of what must be looked at again out. Pure.

Events carry no state: the key says only what to fetch. What belongs here: scopes and the shapes of their data. What
does not: HTTP and storing (api/), fetching and writing (drain.py).

Source: bigcommerce/docs, ``docs/integrations/webhooks/events`` and ``reference/webhooks.v3.yml``: channel-scoped data
has no ``id`` but ``product_id``, ``category_id`` or ``page_id``; a SKU's product is in ``sku`` or ``inventory``.
"""

from __future__ import annotations

import re
from typing import Any

from sync_pipeline.errors import UsageError

#: Everything about categories at once: their tree changed.
CATEGORIES = "categories"
#: The store's own facts: currency, addresses.
STORE = "store"
#: The app was uninstalled: the token works no more.
APP = "app"

#: What is registered for every store.
STORE_SCOPES = (
    "store/product/created",
    "store/product/updated",
    "store/product/deleted",
    "store/product/inventory/updated",
    "store/product/inventory/order/updated",
    "store/sku/created",
    "store/sku/updated",
    "store/sku/deleted",
    "store/sku/inventory/updated",
    "store/sku/inventory/order/updated",
    "store/category/created",
    "store/category/updated",
    "store/category/deleted",
    "store/information/updated",
    "store/app/uninstalled",
)
#: And for each of its channels, `{channel}` being its number.
CHANNEL_SCOPES = (
    "store/channel/{channel}/product/assigned",
    "store/channel/{channel}/product/unassigned",
    "store/channel/{channel}/category/product/assigned",
    "store/channel/{channel}/category/product/unassigned",
    "store/channel/{channel}/categoryTree/updated",
    "store/channel/{channel}/page/created",
    "store/channel/{channel}/page/updated",
    "store/channel/{channel}/settings/site/updated",
)

_CHANNEL = re.compile(r"store/channel/(\d{1,10})/")
_WHOLE = {
    "store/information/updated": STORE,
    "store/app/uninstalled": APP,
    "store/channel/*/settings/site/updated": STORE,
    "store/channel/*/categoryTree/updated": CATEGORIES,
}


class MalformedEventError(UsageError):
    """An event of a known scope whose data does not say what it is about."""

    kind = "malformed_event"


def is_deletion(scope: str) -> bool:
    """Returns whether the event announces that the record itself is gone (and not, say, one of its variants)."""
    return scope in {"store/product/deleted", "store/category/deleted"}


def channel_of(scope: str) -> int | None:
    """Returns the channel for which a scope of CHANNEL_SCOPES is registered; None for any other scope."""
    found = _CHANNEL.match(scope)
    is_ours = _CHANNEL.sub("store/channel/{channel}/", scope) in CHANNEL_SCOPES
    return int(found[1]) if found and is_ours else None


def event_key(scope: str, data: Any) -> str | None:
    """Returns what the event is about: a document id such as `product-12`, or CATEGORIES, STORE, APP; None if nothing
    of ours.

    Raises MalformedEventError when a known scope's data has no usable id.
    """
    general = _CHANNEL.sub("store/channel/*/", scope)
    if general in _WHOLE:
        return _WHOLE[general]
    parts = general.removeprefix("store/").removeprefix("channel/*/").split("/")
    if not general.startswith("store/") or "metafield" in parts:
        return None
    match parts:
        case ["product", *_] | ["category", "product", *_]:
            word, number = "product", _id(scope, data, "product_id", "id")
        case ["sku", *_]:
            word, number = "product", _id(scope, _inside(data, "sku", "inventory"), "product_id")
        case ["category" | "page" as word, *_]:
            number = _id(scope, data, f"{word}_id", "id")
        case _:
            return None
    return f"{word}-{number}"


def _inside(data: Any, *names: str) -> Any:
    found = [data[name] for name in names if isinstance(data, dict) and isinstance(data.get(name), dict)]
    return found[0] if found else data


def _id(scope: str, data: Any, *names: str) -> int:
    """Returns the first of the named values that is a record's id: a positive 64-bit integer."""
    values = [data.get(name) for name in names] if isinstance(data, dict) else []
    for value in values:
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63:
            return value
    raise MalformedEventError(f"the event {scope} does not say which record it is about")
