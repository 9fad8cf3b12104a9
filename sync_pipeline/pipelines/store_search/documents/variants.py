"""A product's variants and the options that they offer.

What belongs here: the nested parts of a product document. What does not: the rules of price and stock.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from sync_pipeline.pipelines.store_search.documents.text import one_line, scalar_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sync_pipeline.connectors.bigcommerce.records import CustomField, OptionValue, Product, Scalar, Variant

#: Variants that a document lists. BigCommerce allows 600; price, stock and options look at all.
MAX_VARIANTS = 1000


class NameValue(Struct, frozen=True, gc=False):
    """One pair of an open set of names, such as ``Color`` and ``Gold``."""

    name: str
    value: str


class VariantDocument(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One variant; ``price`` is what a shopper pays for it, its own or inherited."""

    id: int
    sku: str | None = None
    price: float | None = None
    in_stock: bool
    options: list[NameValue]


class Options:
    """Reads option values into pairs, and remembers the distinct ones in the order of their first appearance."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[NameValue, None] = {}

    def read(self, values: Iterable[OptionValue]) -> list[NameValue]:
        """Returns the pairs of one variant; those without a name or a value are left out."""
        pairs = [pair for one in values if (pair := name_value(one.option_display_name, one.label)) is not None]
        for pair in pairs:
            self._seen[pair] = None
        return pairs

    def distinct(self) -> list[NameValue]:
        """Returns every pair read so far, once."""
        return list(self._seen)


# A shop has few pairs and many records of each. Typed, for 1 and true are not the same text.
@lru_cache(maxsize=4096, typed=True)
def name_value(name: Scalar, value: Scalar) -> NameValue | None:
    """Returns the pair as text, or None when one of the two is empty."""
    name_text, value_text = scalar_text(name), scalar_text(value)
    return NameValue(name_text, value_text) if name_text and value_text else None


def custom_field_pairs(fields: Iterable[CustomField]) -> list[NameValue]:
    """Returns the merchant's own fields in their order; a repeated name stays repeated."""
    return [pair for one in fields if (pair := name_value(one.name, one.value)) is not None]


def own_variants(product: Product) -> list[Variant]:
    """Returns the product's variants without those that name no or another product (``product_id`` 0 is an orphan)."""
    return [one for one in product.variants or () if one.product_id is None or one.product_id == product.id]


def variant_document(
    variant: Variant, *, price: float | None, in_stock: bool, options: list[NameValue]
) -> VariantDocument:
    """Returns one variant as a document's nested part."""
    return VariantDocument(id=variant.id, sku=one_line(variant.sku), price=price, in_stock=in_stock, options=options)
