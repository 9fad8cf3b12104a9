"""The endpoints that the sandbox has: method, path, needed scope, dialect of errors, function. Add new ones here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sync_pipeline.sandboxes.bigcommerce import catalog_endpoints as catalog
from sync_pipeline.sandboxes.bigcommerce import content_endpoints as content
from sync_pipeline.sandboxes.bigcommerce import hook_endpoints as hooks
from sync_pipeline.sandboxes.bigcommerce import store_endpoints as store
from sync_pipeline.sandboxes.bigcommerce.errors import Dialect

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync_pipeline.sandboxes.bigcommerce.answers import Answer
    from sync_pipeline.sandboxes.bigcommerce.calls import Call

PRODUCTS = "store_v2_products_read_only"
CONTENT = "store_v2_content_read_only"
INFORMATION = "store_v2_information_read_only"
CHANNELS = "store_channel_settings_read_only"
SITES = "store_sites_read_only"


@dataclass(slots=True, frozen=True)
class Endpoint:
    """One method of one path. ``template`` holds numbers as ``{id}``; an empty ``scope`` is open to every token."""

    method: str
    template: str
    scope: str
    answer: Callable[[Call], Answer]
    dialect: Dialect = Dialect.CATALOG
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", re.compile(self.template.replace("{id}", r"(?P<id>\d+)")))


ENDPOINTS = (
    Endpoint("GET", "/v3/catalog/products", PRODUCTS, catalog.products),
    Endpoint("GET", "/v3/catalog/products/channel-assignments", PRODUCTS, catalog.channel_assignments),
    Endpoint("GET", "/v3/catalog/products/{id}", PRODUCTS, catalog.product),
    Endpoint("GET", "/v3/catalog/products/{id}/variants", PRODUCTS, catalog.variants_of_product),
    Endpoint("GET", "/v3/catalog/variants", PRODUCTS, catalog.variants),
    Endpoint("GET", "/v3/catalog/trees", PRODUCTS, catalog.trees),
    Endpoint("GET", "/v3/catalog/trees/categories", PRODUCTS, catalog.categories),
    Endpoint("GET", "/v3/catalog/brands", PRODUCTS, catalog.brands),
    Endpoint("GET", "/v3/catalog/summary", PRODUCTS, catalog.summary),
    Endpoint("GET", "/v3/content/pages", CONTENT, content.pages, Dialect.PROBLEM),
    Endpoint("GET", "/v2/blog/posts", CONTENT, content.posts, Dialect.V2),
    Endpoint("GET", "/v2/blog/posts/count", CONTENT, content.post_count, Dialect.V2),
    Endpoint("GET", "/v2/blog/posts/{id}", CONTENT, content.post, Dialect.V2),
    Endpoint("GET", "/v2/store", INFORMATION, store.store, Dialect.V2),
    Endpoint("GET", "/v2/time", "", store.time, Dialect.V2),
    Endpoint("GET", "/v3/channels", CHANNELS, store.channels),
    Endpoint("GET", "/v3/channels/{id}/site", SITES, store.channel_site),
    Endpoint("GET", "/v3/sites", SITES, store.sites),
    Endpoint("GET", "/v3/hooks", "", hooks.hooks),
    Endpoint("POST", "/v3/hooks", "", hooks.create_hook),
    Endpoint("GET", "/v3/hooks/{id}", "", hooks.hook),
    Endpoint("PUT", "/v3/hooks/{id}", "", hooks.change_hook),
    Endpoint("DELETE", "/v3/hooks/{id}", "", hooks.delete_hook),
)


def find_endpoint(method: str, path: str) -> tuple[Endpoint | None, dict[str, int]]:
    """Returns the endpoint of ``path`` below the store with the path's numbers; None where the sandbox has none."""
    for endpoint in ENDPOINTS:
        if endpoint.method == method and (match := endpoint.pattern.fullmatch(path)):
            return endpoint, {name: int(number) for name, number in match.groupdict().items()}
    return None, {}
