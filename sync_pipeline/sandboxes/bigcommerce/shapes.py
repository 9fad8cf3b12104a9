"""The resources' fields with their defaults, and the builders that complete a partial record.

Field lists: https://docs.bigcommerce.com, catalog (products, variants, brands, category trees), content and blog
specifications. Only shapes: no storage, no rules of the API.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

Record = dict[str, Any]

#: What a product carries only when `include` asks for it.
PARTS = (
    "bulk_pricing_rules", "channels", "custom_fields", "images", "modifiers", "options", "parent_relations",
    "primary_image", "reviews", "variants", "videos",
)  # fmt: skip

PRODUCT: Record = {
    "id": 0, "name": "", "type": "physical", "sku": "", "description": "", "weight": 0, "width": 0, "depth": 0,
    "height": 0, "price": 0, "cost_price": 0, "retail_price": 0, "sale_price": 0, "map_price": 0, "tax_class_id": 0,
    "product_tax_code": "", "calculated_price": 0, "categories": [], "brand_id": 0, "option_set_id": None,
    "option_set_display": "right", "inventory_level": 0, "inventory_warning_level": 0, "inventory_tracking": "none",
    "reviews_rating_sum": 0, "reviews_count": 0, "total_sold": 0, "fixed_cost_shipping_price": 0,
    "is_free_shipping": False, "is_visible": True, "is_featured": False, "related_products": [-1], "warranty": "",
    "bin_picking_number": "", "layout_file": "product.html", "upc": "", "mpn": "", "gtin": "",
    "date_last_imported": "", "search_keywords": "", "availability": "available", "availability_description": "",
    "gift_wrapping_options_type": "any", "gift_wrapping_options_list": [], "sort_order": 0, "condition": "New",
    "is_condition_shown": False, "order_quantity_minimum": 0, "order_quantity_maximum": 0, "page_title": "",
    "meta_keywords": [""], "meta_description": "", "date_created": "", "date_modified": "", "view_count": 0,
    "preorder_release_date": None, "preorder_message": "", "is_preorder_only": False, "is_price_hidden": False,
    "price_hidden_label": "", "custom_url": {"url": "", "is_customized": False}, "base_variant_id": None,
    "open_graph_type": "product", "open_graph_title": "", "open_graph_description": "",
    "open_graph_use_meta_description": True, "open_graph_use_product_name": True, "open_graph_use_image": True,
}  # fmt: skip

VARIANT: Record = {
    "id": 0, "product_id": 0, "sku": "", "sku_id": None, "price": None, "calculated_price": 0, "sale_price": None,
    "retail_price": None, "map_price": {}, "weight": None, "calculated_weight": 0, "width": None, "height": None,
    "depth": None, "is_free_shipping": False, "fixed_cost_shipping_price": None, "purchasing_disabled": False,
    "purchasing_disabled_message": "", "image_url": "", "cost_price": None, "upc": None, "mpn": "", "gtin": "",
    "inventory_level": 0, "inventory_warning_level": 0, "bin_picking_number": "", "option_values": [],
}  # fmt: skip

CATEGORY: Record = {
    "category_id": 0, "category_uuid": "", "parent_id": 0, "tree_id": 1, "name": "", "description": "", "views": 0,
    "sort_order": 0, "page_title": "", "meta_keywords": [""], "meta_description": "", "layout_file": "category.html",
    "image_url": "", "is_visible": True, "search_keywords": "", "default_product_sort": "use_store_settings",
    "url": {"path": "", "is_customized": False},
}  # fmt: skip

BRAND: Record = {
    "id": 0, "name": "", "page_title": "", "meta_keywords": [""], "meta_description": "", "image_url": "",
    "search_keywords": "", "custom_url": {"url": "", "is_customized": False},
}  # fmt: skip

PAGE: Record = {
    "id": 0, "channel_id": 1, "name": "", "is_visible": True, "parent_id": 0, "sort_order": 0, "type": "page",
    "is_homepage": False, "is_customers_only": False, "url": "", "meta_title": None, "meta_keywords": None,
    "meta_description": None, "search_keywords": None,
}  # fmt: skip

POST: Record = {
    "id": 0, "title": "", "url": "", "preview_url": "", "body": "", "tags": [], "summary": "", "is_published": False,
    "published_date": None, "published_date_iso8601": "", "meta_description": "", "meta_keywords": "", "author": "",
    "thumbnail_path": "",
}  # fmt: skip


def slug(text: str) -> str:
    """Returns ``text`` as a piece of a URL."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "item"


def new_product(body: Record) -> Record:
    """Returns a whole product, without parts, from what ``body`` says.

    Its price and URL are derived where they are absent.
    """
    product = {**PRODUCT, "custom_url": {"url": f"/{slug(body.get('name', ''))}/", "is_customized": False}, **body}
    product["calculated_price"] = body.get("calculated_price", product["sale_price"] or product["price"])
    return product


def new_variant(body: Record, product: Record) -> Record:
    """Returns a whole variant of ``product``; a null price inherits the product's."""
    variant = {**VARIANT, "product_id": product["id"], **body}
    variant["calculated_weight"] = product["weight"] if variant["weight"] is None else variant["weight"]
    variant["calculated_price"] = body.get("calculated_price", variant_price(variant, product))
    return variant


def variant_price(variant: Record, product: Record) -> float:
    """Returns what a variant costs: its own sale price or price, else the product's."""
    return variant["sale_price"] or (product["calculated_price"] if variant["price"] is None else variant["price"])


def new_category(body: Record) -> Record:
    """Returns a whole category from what ``body`` says."""
    url = {"path": f"/{slug(body.get('name', ''))}/", "is_customized": False}
    uuid = str(uuid5(NAMESPACE_URL, f"category/{body.get('category_id', 0)}"))
    return {**CATEGORY, "category_uuid": uuid, "url": url, **body}


def new_brand(body: Record) -> Record:
    """Returns a whole brand from what ``body`` says."""
    url = {"url": f"/brands/{slug(body.get('name', ''))}.html", "is_customized": False}
    return {**BRAND, "custom_url": url, **body}


def new_page(body: Record) -> Record:
    """Returns a whole web page of its type.

    A link has no body, a contact form its fields, a blog page an empty body.
    """
    page = {**PAGE, "url": f"/{slug(body.get('name', ''))}/", **body}
    if page["type"] == "link":
        return {"link": "", **page}
    page |= {"body": body.get("body", ""), "content_type": body.get("content_type", "text/html")}
    return {"contact_fields": "fullname,email", "email": "", **page} if page["type"] == "contact_form" else page


def new_post(body: Record) -> Record:
    """Returns a whole blog post; ``published_date_iso8601`` alone is enough to give both dates."""
    url = f"/blog/{slug(body.get('title', ''))}/"
    post = {**POST, "url": url, "preview_url": url, **body}
    moment = datetime.fromisoformat(post["published_date_iso8601"] or "1970-01-01T00:00:00+0000").astimezone(UTC)
    post["published_date_iso8601"] = moment.strftime("%Y-%m-%dT%H:%M:%S+0000")
    if "published_date" not in body:
        date = moment.strftime("%Y-%m-%d %H:%M:%S.000000")
        post["published_date"] = {"date": date, "timezone_type": 1, "timezone": "+00:00"}
    return post


def new_image(body: Record, product_id: int, cdn: str) -> Record:
    """Returns a whole image of a product; its four sizes are derived from ``image_file``."""
    file = body.get("image_file", f"p/{product_id}.jpg")
    sizes = {f"url_{size}": f"{cdn}/{file}?size={size}" for size in ("zoom", "standard", "thumbnail", "tiny")}
    base = {"id": 0, "product_id": product_id, "is_thumbnail": True, "sort_order": 0, "description": ""}
    return {**base, "image_file": file, **sizes, "date_modified": "", **body}
