"""The filters of the products list: one small reader per query parameter, from text to a test of a product.

Names and meanings are those of the products specification; a parameter that is not here is refused as BigCommerce
refuses an unknown filter.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sync_pipeline.sandboxes.bigcommerce.query import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sync_pipeline.sandboxes.bigcommerce.query import Query
    from sync_pipeline.sandboxes.bigcommerce.shapes import Record

    Test = Callable[[Record], bool]

ID_FILTERS = ("id", "id:in", "id:not_in", "id:min", "id:max", "id:greater", "id:less")
NUMBER_FIELDS = ("price", "weight", "brand_id", "inventory_level", "total_sold")
TEXT_FIELDS = ("name", "sku", "mpn", "upc")
FLAG_FIELDS = ("is_visible", "is_featured", "is_free_shipping")
CHOICE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "availability": ("available", "disabled", "preorder"),
    "type": ("physical", "digital"),
    "condition": ("New", "Used", "Refurbished"),
}
DATE_FIELDS = ("date_modified", "date_last_imported")
DATE_FILTERS = tuple(f"{field}:{bound}" for field in DATE_FIELDS for bound in ("min", "max"))
OTHER_FILTERS = ("sku:in", "categories", "categories:in", "channel_id:in", "keyword")
FILTERS = (*NUMBER_FIELDS, *TEXT_FIELDS, *FLAG_FIELDS, *CHOICE_FIELDS, *DATE_FILTERS, *OTHER_FILTERS)


def product_tests(query: Query, now: float, brand_names: Mapping[int, str]) -> list[Test]:
    """Returns the tests that a product must pass to be listed, but for those of its number. Raises ApiError 422."""
    tests: list[Test] = []
    for name in query.values:
        if name in NUMBER_FIELDS:
            tests.append(_equals(name, _decimal(query, name)))
        elif name in TEXT_FIELDS:
            tests.append(_equals(name, query.values[name]))
        elif name in FLAG_FIELDS:
            tests.append(_equals(name, query.flag(name)))
        elif name in CHOICE_FIELDS:
            tests.append(_equals(name, _choice(query, name)))
        elif name in DATE_FILTERS:
            tests.append(_dated(name, query.instant(name, now) or 0.0))
        elif name == "keyword":
            tests.append(_keyword(query.values[name].lower(), brand_names))
        elif name in OTHER_FILTERS:
            tests.append(_listed(query, name))
    return tests


def epoch(date: str) -> float:
    """Returns the epoch seconds of a product's date.

    A product that was never imported has no date, and so the oldest.
    """
    return datetime.fromisoformat(date).timestamp() if date else float("-inf")


def _equals(field: str, value: Any) -> Test:
    return lambda product: product[field] == value


def _decimal(query: Query, name: str) -> float:
    try:
        return float(query.values[name])
    except ValueError:
        raise invalid(name, "must be a number") from None


def _choice(query: Query, name: str) -> str:
    value = query.values[name]
    if value not in CHOICE_FIELDS[name]:
        raise invalid(name, f"must be one of {', '.join(CHOICE_FIELDS[name])}")
    return value


def _dated(name: str, bound: float) -> Test:
    field, _, side = name.partition(":")
    if side == "min":
        return lambda product: epoch(product[field]) >= bound
    return lambda product: epoch(product[field]) <= bound


def _listed(query: Query, name: str) -> Test:
    if name == "sku:in":
        skus = frozenset(query.words(name) or ())
        return lambda product: product["sku"] in skus
    numbers = frozenset(query.numbers(name) or ())
    if name == "channel_id:in":
        return lambda product: not numbers.isdisjoint(product["channels"])
    if (
        name == "categories"
    ):  # "If a product is in more than one category, using this query will not return the product"
        return lambda product: numbers == set(product["categories"])
    return lambda product: numbers.issubset(product["categories"])  # "in all the categories specified"


def _keyword(word: str, brand_names: Mapping[int, str]) -> Test:
    def found(product: Record) -> bool:
        texts = (product["name"], product["description"], product["sku"], brand_names.get(product["brand_id"], ""))
        return any(word in text.lower() for text in texts)

    return found
