"""Absolute addresses on the store's default storefront.

What belongs here: the storefront's base and joining a record's relative path to it. What does not: image addresses,
which BigCommerce gives absolute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync_pipeline.connectors.bigcommerce.records import Site, Store


def storefront_url(store: Store, site: Site | None = None) -> str:
    """Returns the default storefront's address without a trailing slash: the site's primary URL, its ``url``, or the
    store's.

    ``site`` is the default channel's. Empty when the store has no address at all.
    """
    primary = [one.url for one in (site.urls or ()) if one.type == "primary"] if site is not None else []
    for url in (*primary, site.url if site is not None else None, store.secure_url, store.domain):
        if url and (url := url.strip().rstrip("/")):
            return url if "://" in url else f"https://{url}"
    return ""


def absolute_url(base_url: str, path: str | None) -> str | None:
    """Returns ``path`` on the site at ``base_url``; an absolute address stays; None without a path or a base."""
    path = path.strip() if path else ""
    if path.startswith(("http://", "https://")):
        return path
    return f"{base_url.rstrip('/')}/{path.lstrip('/')}" if path and base_url else None
