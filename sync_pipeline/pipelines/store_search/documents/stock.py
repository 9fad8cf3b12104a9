"""Whether a product and its variants can be bought now.

What belongs here: the rule from tracking, levels, availability and purchasing flags. What does not: stock per location
(the catalogue gives the default location only).

The rule: ``disabled`` products are not in stock; ``preorder`` ones and those without tracking always are; ``product``
tracking looks at the product's level, ``variant`` tracking at each variant's. A variant whose purchasing is disabled is
never in stock, and a product with variants is in stock when one of them is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.pipelines.store_search.documents.loose_numbers import as_int

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.connectors.bigcommerce.records import Product, Variant

_TRACKED = {"product", "variant"}


def inventory_level(product: Product) -> int | None:
    """Returns the product's level; None without tracking, where BigCommerce's 0 means nothing."""
    return as_int(product.inventory_level) if product.inventory_tracking in _TRACKED else None


def variants_in_stock(product: Product, variants: Sequence[Variant]) -> list[bool]:
    """For each of the product's variants, in order, whether it can be bought now."""
    if product.availability == "disabled":
        return [False] * len(variants)
    if product.availability != "preorder" and product.inventory_tracking == "variant":
        return [not one.purchasing_disabled and (as_int(one.inventory_level) or 0) > 0 for one in variants]
    on_shelf = _on_shelf(product)
    return [on_shelf and not one.purchasing_disabled for one in variants]


def product_in_stock(product: Product, variants: Sequence[bool]) -> bool:
    """Returns whether the product can be bought now, given ``variants_in_stock``.

    Without variants, by its own level.
    """
    if variants:
        return any(variants)
    return product.availability != "disabled" and _on_shelf(product)


def _on_shelf(product: Product) -> bool:
    if product.availability == "preorder" or product.inventory_tracking not in _TRACKED:
        return True
    return (as_int(product.inventory_level) or 0) > 0
