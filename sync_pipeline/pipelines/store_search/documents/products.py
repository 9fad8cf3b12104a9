"""A product as its search document.

What belongs here: which field comes from where, and which products are not indexed. What does not: how prices, stock,
paths, texts and dates are read (their own modules).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct

from sync_pipeline.operations import Filtered
from sync_pipeline.pipelines.store_search.documents.dates import iso_date
from sync_pipeline.pipelines.store_search.documents.loose_numbers import as_float, as_int
from sync_pipeline.pipelines.store_search.documents.prices import price_range, product_prices, variant_price
from sync_pipeline.pipelines.store_search.documents.rendering import rejected, upsert
from sync_pipeline.pipelines.store_search.documents.stock import inventory_level, product_in_stock, variants_in_stock
from sync_pipeline.pipelines.store_search.documents.text import comma_list, html_to_text, one_line
from sync_pipeline.pipelines.store_search.documents.urls import absolute_url
from sync_pipeline.pipelines.store_search.documents.variants import (
    MAX_VARIANTS,
    NameValue,
    Options,
    VariantDocument,
    custom_field_pairs,
    own_variants,
    variant_document,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sync_pipeline.connectors.bigcommerce.records import Image, Product
    from sync_pipeline.operations import Item
    from sync_pipeline.pipelines.store_search.documents.context import StoreContext

#: BigCommerce has five; an average beyond them comes from numbers that are no ratings.
MOST_STARS = 5


class ProductDocument(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True, tag_field="type", tag="product"):
    """What the index holds of a product; what is absent is left out, lists may be empty.

    ``categories`` are full paths of visible categories; ``category_ids`` all of the product's that exist, hidden ones
    too; ``price_min`` and ``price_max`` range over variants; dates are ISO 8601 in UTC.
    """

    id: int
    name: str
    sku: str | None = None
    description: str | None = None
    brand: str | None = None
    categories: list[str]
    category_ids: list[int]
    price: float | None = None
    sale_price: float | None = None
    calculated_price: float | None = None
    price_min: float | None = None
    price_max: float | None = None
    currency: str | None = None
    availability: str | None = None
    in_stock: bool
    inventory_level: int | None = None
    is_visible: bool
    is_featured: bool
    condition: str | None = None
    url: str | None = None
    image_url: str | None = None
    custom_fields: list[NameValue]
    options: list[NameValue]
    variants: list[VariantDocument]
    rating_average: float | None = None
    review_count: int | None = None
    total_sold: int | None = None
    search_keywords: list[str]
    channels: list[int] | None = None
    date_created: str | None = None
    date_modified: str | None = None


def product_item(
    record: Product, *, context: StoreContext, version: int, batch_id: str | int, synced_at: datetime
) -> Item:
    """Returns the write of one product, or why it is not indexed.

    Filtered: ``hidden``; ``no_channel`` when it is assigned to none. Rejected: ``no_name``, ``too_large``.
    """
    key = f"product-{record.id}"
    if not record.is_visible:
        return Filtered(key, "hidden")
    if record.channels == []:
        return Filtered(key, "no_channel")
    name = one_line(record.name)
    if name is None:
        sku = f" (SKU {one_line(record.sku)})" if one_line(record.sku) else ""
        message = f"product {record.id}{sku} has no name; give it one in BigCommerce"
        return rejected(key, "no_name", message, record=record, version=version)
    document = product_document(record, name=name, context=context)
    return upsert(key, document, record=record, version=version, batch_id=batch_id, synced_at=synced_at)


def product_document(record: Product, *, name: str, context: StoreContext) -> ProductDocument:
    """Returns the content of a product's document."""
    prices = product_prices(record)
    variants = own_variants(record)
    amounts = [variant_price(variant, prices) for variant in variants]
    stock = variants_in_stock(record, variants)
    price_min, price_max = price_range(zip(variants, amounts, strict=True), prices)
    options = Options()
    listed = [
        variant_document(variant, price=price, in_stock=in_stock, options=options.read(variant.option_values or ()))
        for variant, price, in_stock in zip(variants, amounts, stock, strict=True)
    ]
    category_ids = [one for one in dict.fromkeys(record.categories or ()) if one in context.categories]
    paths = (context.categories.path(one) for one in category_ids)
    reviews = as_int(record.reviews_count)
    return ProductDocument(
        id=record.id,
        name=name,
        sku=one_line(record.sku),
        description=html_to_text(record.description),
        brand=one_line(context.brands.get(record.brand_id or 0)),
        categories=[path for path in paths if path],
        category_ids=category_ids,
        price=prices.price,
        sale_price=prices.sale,
        calculated_price=prices.calculated,
        price_min=price_min,
        price_max=price_max,
        currency=context.currency,
        availability=one_line(record.availability),
        in_stock=product_in_stock(record, stock),
        inventory_level=inventory_level(record),
        is_visible=record.is_visible,
        is_featured=bool(record.is_featured),
        condition=one_line(record.condition),
        url=absolute_url(context.base_url, record.custom_url.url if record.custom_url else None),
        image_url=main_image(record.images or ()),
        custom_fields=custom_field_pairs(record.custom_fields or ()),
        options=options.distinct(),
        variants=listed[:MAX_VARIANTS],
        rating_average=average_rating(as_float(record.reviews_rating_sum), reviews),
        review_count=reviews,
        total_sold=as_int(record.total_sold),
        search_keywords=comma_list(record.search_keywords),
        channels=record.channels,
        date_created=iso_date(record.date_created),
        date_modified=iso_date(record.date_modified),
    )


def average_rating(total: float | None, count: int | None) -> float | None:
    """Returns the mean of ``count`` ratings, to two decimals; None without reviews, or beyond ``MOST_STARS``."""
    if total is None or count is None or count <= 0 or not 0 <= total / count <= MOST_STARS:
        return None
    return round(total / count, 2)


def main_image(images: Sequence[Image]) -> str | None:
    """Returns the address of the product's thumbnail image, else of the first in the merchant's order."""
    shown = [image for image in images if image.url_standard]
    if not shown:
        return None
    first = min(shown, key=_display_order) if len(shown) > 1 else shown[0]
    return one_line(first.url_standard)


def _display_order(image: Image) -> tuple[bool, float]:
    order = as_float(image.sort_order)
    return not image.is_thumbnail, math.inf if order is None else order
