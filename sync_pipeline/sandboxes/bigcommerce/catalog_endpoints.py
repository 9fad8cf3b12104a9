"""`/v3/catalog/…`: products, variants, assignments, trees, categories, brands, summary. Reading only."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sync_pipeline.sandboxes.bigcommerce.calls import PAGING, Call, one, page_of
from sync_pipeline.sandboxes.bigcommerce.product_filters import FILTERS, ID_FILTERS
from sync_pipeline.sandboxes.bigcommerce.product_views import VIEW_PARAMETERS, ProductView

if TYPE_CHECKING:
    from sync_pipeline.sandboxes.bigcommerce.answers import Answer
    from sync_pipeline.sandboxes.bigcommerce.products import Products
    from sync_pipeline.sandboxes.bigcommerce.shapes import Record

CHANNELS = 1 << 20  # more than a store can have
PRODUCT_PARAMETERS = (*PAGING, *VIEW_PARAMETERS, *ID_FILTERS, *FILTERS, "sort", "direction")


def products(call: Call) -> Answer:
    """Answers `GET /v3/catalog/products`."""
    call.query.allow(PRODUCT_PARAMETERS)
    view = ProductView(call.query)
    catalog = call.store.catalog
    names = {brand["id"]: brand["name"] for brand in catalog.brands.all()} if "keyword" in call.query.values else {}
    ids = call.store.listing.select(call.query, now=call.now, brand_names=names, only_first=call.only_first)
    ready_made = call.store.ready_made
    render = partial(view.of, catalog.products) if ready_made is None else ready_made.renderer(view)
    return page_of(call, ids, render, most=view.most)


def product(call: Call) -> Answer:
    """Answers `GET /v3/catalog/products/{id}`."""
    call.query.allow(VIEW_PARAMETERS)
    return one(ProductView(call.query).of(call.store.catalog.products, call.numbers["id"]))


def variants_of_product(call: Call) -> Answer:
    """Answers `GET /v3/catalog/products/{id}/variants`."""
    call.query.allow(PAGING)
    return page_of(call, call.cut(call.store.catalog.products.get(call.numbers["id"], ("variants",))["variants"]))


def variants(call: Call) -> Answer:
    """Answers `GET /v3/catalog/variants`."""
    call.query.allow((*PAGING, "id", "sku", "upc", "product_id:in"))
    known = call.store.catalog.products
    if not call.query.values.keys() - set(PAGING):
        return page_of(call, call.cut(_AllVariants(known)))
    owners = call.query.numbers("product_id:in")
    owners = known.ids if owners is None else [number for number in sorted(set(owners)) if number in known]
    found: list[Record] = list(known.variants(owners))
    if "id" in call.query.values:
        number = call.query.number("id")
        found = [variant for variant in found if variant["id"] == number]
    for name in ("sku", "upc"):
        if name in call.query.values:
            found = [variant for variant in found if variant[name] == call.query.values[name]]
    return page_of(call, call.cut(found))


class _AllVariants(Sequence[Any]):
    """Every variant of a store as a sequence that makes only those it is sliced for."""

    def __init__(self, known: Products) -> None:
        self._known = known
        self._ends = known.variant_ends()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, part: Any) -> Any:  # only ever sliced
        start, stop, _ = part.indices(len(self))
        if start >= stop:
            return []
        first = bisect_right(self._ends, start)
        last = bisect_right(self._ends, stop - 1)
        skipped = self._ends[first - 1] if first else 0
        found = list(self._known.variants(self._known.ids[first : last + 1]))
        return found[start - skipped : stop - skipped]


def channel_assignments(call: Call) -> Answer:
    """Answers `GET /v3/catalog/products/channel-assignments`."""
    call.query.allow((*PAGING, "product_id:in", "channel_id:in"))
    known = call.store.catalog.products
    wanted = call.query.numbers("product_id:in")
    channels = call.query.numbers("channel_id:in")
    if wanted is None:
        pairs = known.computed("channel_assignments", lambda: _assignments(known, known.ids))
    else:
        pairs = _assignments(known, [number for number in sorted(set(wanted)) if number in known])
    if channels is not None:
        pairs = [pair for pair in pairs if pair % CHANNELS in channels]
    return page_of(call, call.cut(pairs), lambda pair: {"product_id": pair // CHANNELS, "channel_id": pair % CHANNELS})


def _assignments(known: Products, numbers: Sequence[int]) -> array[int]:
    """Returns the pairs of product and channel, each packed into one number: 100,000 of them take 800 KB."""
    channels = ((number, channel) for number in numbers for channel in known.get(number, ("channels",))["channels"])
    return array("q", (number * CHANNELS + channel for number, channel in channels))


def trees(call: Call) -> Answer:
    """Answers `GET /v3/catalog/trees`."""
    call.query.allow((*PAGING, "id:in", "channel_id:in"))
    ids, channels = call.query.numbers("id:in"), call.query.numbers("channel_id:in")
    found = [
        tree
        for tree in call.store.catalog.trees.all()
        if (ids is None or tree["id"] in ids) and (channels is None or not set(channels).isdisjoint(tree["channels"]))
    ]
    return page_of(call, call.cut(found))


def categories(call: Call) -> Answer:
    """Answers `GET /v3/catalog/trees/categories`."""
    selections = {"tree_id:in": "tree_id", "category_id:in": "category_id", "parent_id:in": "parent_id"}
    call.query.allow((*PAGING, *selections, "is_visible", "name"))
    found = call.cut(call.store.catalog.categories.all())
    for parameter, field in selections.items():
        wanted = call.query.numbers(parameter)
        if wanted is not None:
            found = [category for category in found if category[field] in wanted]
    visible = call.query.flag("is_visible")
    if visible is not None:
        found = [category for category in found if category["is_visible"] == visible]
    if "name" in call.query.values:
        found = [category for category in found if category["name"] == call.query.values["name"]]
    return page_of(call, found)


def brands(call: Call) -> Answer:
    """Answers `GET /v3/catalog/brands`."""
    call.query.allow((*PAGING, "id:in", "name", "name:like"))
    found = call.cut(call.store.catalog.brands.all())
    ids = call.query.numbers("id:in")
    if ids is not None:
        found = [brand for brand in found if brand["id"] in ids]
    if "name" in call.query.values:
        found = [brand for brand in found if brand["name"] == call.query.values["name"]]
    if "name:like" in call.query.values:
        part = call.query.values["name:like"].lower()
        found = [brand for brand in found if part in brand["name"].lower()]
    return page_of(call, found)


def summary(call: Call) -> Answer:
    """Answers `GET /v3/catalog/summary`: there is no count of products in it."""
    known = call.store.catalog.products

    def compute() -> Record:
        found = list(known.variants(known.ids))
        prices = [variant["calculated_price"] for variant in found] or [0]
        return {
            "inventory_count": sum(variant["inventory_level"] for variant in found),
            "variant_count": len(found),
            "inventory_value": round(sum(v["inventory_level"] * v["calculated_price"] for v in found), 2),
            "highest_variant_price": max(prices),
            "average_variant_price": sum(prices) / len(prices),
            "lowest_variant_price": str(min(prices)),
        }

    return one(known.computed("summary", compute))
