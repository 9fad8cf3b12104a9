"""How products look to a caller: the parts that `include` names, the fields that are asked for, and what is derived.

`primary_image` and `options` are never stored: they follow from the images and the variants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.sandboxes.bigcommerce.query import invalid
from sync_pipeline.sandboxes.bigcommerce.shapes import PARTS, PRODUCT

if TYPE_CHECKING:
    from collections.abc import Container, Hashable

    from sync_pipeline.sandboxes.bigcommerce.products import Products
    from sync_pipeline.sandboxes.bigcommerce.query import Query
    from sync_pipeline.sandboxes.bigcommerce.shapes import Record

#: "When you specify options or modifiers, results are limited to 10 per page."
SMALL_PAGE_PARTS = frozenset({"options", "modifiers"})
SMALL_PAGE = 10
#: Fields of a product that the specification's `include_fields` does not offer.
NOT_SELECTABLE = {"id", "sort_order", "gift_wrapping_options_type", "gift_wrapping_options_list"}
SELECTABLE = frozenset(PRODUCT) - NOT_SELECTABLE
ALWAYS = ("id", "gift_wrapping_options_type", "gift_wrapping_options_list")
VIEW_PARAMETERS = ("include", "include_fields", "exclude_fields")


class ProductView:
    """The view that a query asks for. Raises ApiError 422 for parts and fields that do not exist."""

    def __init__(self, query: Query) -> None:
        self._parts = query.words("include") or []
        _check("include", self._parts, PARTS)
        self._stored = frozenset(_stored_part(part) for part in self._parts)
        included = query.words("include_fields")
        excluded = query.words("exclude_fields") or []
        _check("include_fields", included or [], SELECTABLE)
        _check("exclude_fields", excluded, SELECTABLE)
        self._keep = None if included is None else [*ALWAYS, *included]
        self._drop = set(excluded)

    @property
    def key(self) -> Hashable:
        """Equal for equal views."""
        return tuple(self._parts), None if self._keep is None else tuple(self._keep), frozenset(self._drop)

    @property
    def most(self) -> int:
        """The most products that a page of this view holds."""
        return 250 if SMALL_PAGE_PARTS.isdisjoint(self._parts) else SMALL_PAGE

    def of(self, products: Products, number: int) -> Record:
        """Returns the product as asked for; raises ApiError 404."""
        product = products.get(number, self._stored)
        parts = {part: _part(part, product) for part in self._parts}
        for part in self._stored:
            product.pop(part, None)
        if self._keep is not None:
            product = {name: product[name] for name in self._keep}
        for name in self._drop:
            product.pop(name, None)
        product.update(parts)
        return product


def _check(parameter: str, names: list[str], known: Container[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise invalid(parameter, f"{', '.join(unknown)} is not supported")


def _stored_part(part: str) -> str:
    return {"primary_image": "images", "options": "variants"}.get(part, part)


def _part(part: str, product: Record) -> object:
    if part == "primary_image":
        return next((image for image in product.get("images", ()) if image["is_thumbnail"]), None)
    if part == "options":
        return options_of(product)
    return product.get(part, [])


def options_of(product: Record) -> list[Record]:
    """Returns the options that the product's variants vary over, with the values that occur."""
    options: dict[int, Record] = {}
    for variant in product.get("variants", ()):
        for value in variant["option_values"]:
            option = options.setdefault(
                value["option_id"],
                {
                    "id": value["option_id"],
                    "product_id": product["id"],
                    "display_name": value["option_display_name"],
                    "type": "rectangles",
                    "sort_order": len(options),
                    "config": {},
                    "option_values": [],
                },
            )
            if all(known["id"] != value["id"] for known in option["option_values"]):
                order = len(option["option_values"])
                label = {"id": value["id"], "label": value["label"], "sort_order": order}
                option["option_values"].append({**label, "is_default": order == 0, "value_data": None})
    return list(options.values())
