"""What a product and its variants cost, as the catalogue says.

What belongs here: set and unset amounts, inheritance, the range over variants. What does not: price lists, customer
groups, bulk prices and modifiers, which change a price at run time and are not part of the catalogue's answer.

Facts (bigcommerce/docs, ``products_catalog.v3.yml``): 0 is an unset price, a variant's null inherits the product's,
``calculated_price`` is the sale price if set, else the price. All amounts are in the store's currency.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from sync_pipeline.pipelines.store_search.documents.loose_numbers import as_float

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sync_pipeline.connectors.bigcommerce.records import Number, Product, Variant


class ProductPrices(NamedTuple):
    """A product's own amounts; None is unset. ``calculated`` is what a shopper pays."""

    price: float | None
    sale: float | None
    calculated: float | None


#: The prices of a product whose price is hidden.
HIDDEN = ProductPrices(None, None, None)


def amount(value: Number) -> float | None:
    """Returns a set amount: positive and finite. 0, null, empty, negative and non-finite amounts are unset."""
    number = value if type(value) is float else as_float(value)
    return number if number is not None and 0.0 < number < math.inf else None


def product_prices(product: Product) -> ProductPrices:
    """Returns the product's amounts, all unset when its price is hidden."""
    if product.is_price_hidden:
        return HIDDEN
    price = amount(product.price)
    sale = amount(product.sale_price)
    return ProductPrices(price, sale, amount(product.calculated_price) or sale or price)


def variant_price(variant: Variant, prices: ProductPrices) -> float | None:
    """Returns what a shopper pays for the variant: its own calculated, sale or plain amount, else the product's."""
    if prices is HIDDEN:
        return None
    return amount(variant.calculated_price) or amount(variant.sale_price) or amount(variant.price) or prices.calculated


def price_range(
    variants: Iterable[tuple[Variant, float | None]], prices: ProductPrices
) -> tuple[float | None, float | None]:
    """Returns the lowest and highest amount over variants that can be bought.

    When none can be bought, over all of them; when none has an amount, the product's own.
    """
    every: list[float] = []
    buyable: list[float] = []
    for variant, price in variants:
        if price is not None:
            every.append(price)
            if not variant.purchasing_disabled:
                buyable.append(price)
    amounts = buyable or every
    return (min(amounts), max(amounts)) if amounts else (prices.calculated, prices.calculated)
