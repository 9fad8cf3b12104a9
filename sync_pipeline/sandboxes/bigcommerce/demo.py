"""The demonstration shop: `demo_shop.json`, expanded to BigCommerce's shapes.

The data file is compact: categories are paths (`!` marks a hidden one), products name their options by what varies
(``Colour``, ``Size``, ``Storage``), ``stock`` null is untracked. Its texts are written so that synonyms (phone and
mobile, TV and television, sofa and couch) and stop words change what a search finds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import product as combinations
from typing import TYPE_CHECKING, Any

import msgspec

from sync_pipeline.sandboxes.bigcommerce import shapes
from sync_pipeline.sandboxes.bigcommerce.catalog import Catalog, channel, site, store_info, tree
from sync_pipeline.sandboxes.bigcommerce.products import Products
from sync_pipeline.sandboxes.bigcommerce.records import Records
from sync_pipeline.sandboxes.kit.clock import iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sync_pipeline.sandboxes.bigcommerce.shapes import Record

FIRST_PRODUCT, FIRST_BRAND, FIRST_CATEGORY, FIRST_VARIANT = 101, 35, 11, 5001
OPTIONS = ("Colour", "Size", "Storage")
FIRST_DAY = datetime(2025, 2, 3, 9, 0, tzinfo=UTC)


def demo_catalog(store_hash: str = "") -> Catalog:
    """Returns the shop, under its own hash (`demo`) or another."""
    shop = msgspec.json.decode(files("sync_pipeline.sandboxes.bigcommerce").joinpath("demo_shop.json").read_bytes())
    info = store_info(store_hash or shop["hash"], shop["name"], domain=shop["domain"], timezone="Europe/London")
    categories = _categories(shop["categories"])
    brands = {name: FIRST_BRAND + order for order, name in enumerate(shop["brands"])}
    return Catalog(
        info=info,
        channels=Records([channel(1, shop["name"])]),
        sites=Records([site(1000, 1, info["secure_url"])]),
        trees=Records([tree(1, "Default catalog tree", [1])]),
        categories=Records(categories.values(), key="category_id"),
        brands=Records(shapes.new_brand({"id": number, "name": name}) for name, number in brands.items()),
        products=Products(_products(shop["products"], categories, brands)),
        pages=Records(_page(order, entry) for order, entry in enumerate(shop["pages"], start=1)),
        posts=Records(_post(order, entry) for order, entry in enumerate(shop["posts"], start=1)),
    )


def _categories(entries: list[list[str]]) -> dict[str, Record]:
    """Returns categories by path; a path's parents stand before it."""
    found: dict[str, Record] = {}
    for order, (path, *keywords) in enumerate(entries):
        parent = found.get(path.rpartition(" > ")[0])
        name = path.rpartition(" > ")[2]
        url = f"{parent['url']['path'] if parent else '/'}{shapes.slug(name)}/"
        found[path] = shapes.new_category(
            {
                "category_id": FIRST_CATEGORY + order,
                "parent_id": parent["category_id"] if parent else 0,
                "name": name.removeprefix("!"),
                "sort_order": order,
                "is_visible": not name.startswith("!"),
                "search_keywords": ", ".join(keywords),
                "url": {"path": url, "is_customized": False},
            }
        )
    return found


def _products(entries: list[dict[str, Any]], categories: dict[str, Record], brands: dict[str, int]) -> Iterator[Record]:
    next_variant = FIRST_VARIANT
    for order, entry in enumerate(entries):
        number = FIRST_PRODUCT + order
        created = (FIRST_DAY + timedelta(days=5 * order)).timestamp()
        names = [name for name in OPTIONS if name in entry]
        tracked = "none" if entry["stock"] is None else "variant" if names else "product"
        record = shapes.new_product(
            {
                "id": number,
                "name": entry["name"],
                "type": entry.get("type", "physical"),
                "sku": f"HP-{number}",
                "description": f"<p>{entry['text']}</p>",
                "weight": 1.5,
                "price": entry["price"],
                "sale_price": entry.get("sale", 0),
                "categories": [categories[path]["category_id"] for path in entry["in"]],
                "brand_id": brands[entry["brand"]],
                "inventory_level": entry["stock"] or 0,
                "inventory_tracking": tracked,
                "reviews_count": number % 7,
                "reviews_rating_sum": number % 7 * 4 + min(number % 3, number % 7),
                "total_sold": entry["sold"],
                "is_visible": not entry.get("hidden", False),
                "is_featured": entry["sold"] > 120,
                "availability": entry.get("availability", "available"),
                "date_created": iso(created),
                "date_modified": iso(created + 86_400 * (number % 30)),
            }
        )
        if not names:
            record["base_variant_id"] = next_variant
        record["variants"] = _variants(record, {name: entry[name] for name in names}, next_variant)
        next_variant += len(record["variants"])
        record["images"] = [_image(record)]
        record["custom_fields"] = [
            {"id": number * 10 + position, "name": name, "value": value}
            for position, (name, value) in enumerate(entry["fields"])
        ]
        record["channels"] = [1]
        yield record


def _variants(record: Record, options: dict[str, list[str]], first: int) -> list[Record]:
    """Returns one variant per combination of option values; stock is shared out, so the last ones can be sold out."""
    choices = [
        [_option_value(record["id"], position, name, order, label) for order, label in enumerate(labels)]
        for position, (name, labels) in enumerate(options.items())
    ]
    variants = []
    left = record["inventory_level"]
    together = list(combinations(*choices))
    share = -(-left // len(together)) + 1 if len(together) > 1 else left
    for order, values in enumerate(together):
        level = min(share, left)
        left -= level
        body = {"id": first + order, "inventory_level": level, "option_values": list(values)}
        body["sku"] = record["sku"] if not options else f"{record['sku']}-{order + 1}"
        body["sku_id"] = first + order if options else None
        if "Storage" in options:
            body["price"] = record["price"] + 60 * (order // (len(together) // len(options["Storage"])))
        variants.append(shapes.new_variant(body, record))
    return variants


def _option_value(product_id: int, position: int, name: str, order: int, label: str) -> Record:
    option = product_id * 10 + position
    return {"id": option * 10 + order, "label": label, "option_id": option, "option_display_name": name}


def _image(record: Record) -> Record:
    body = {"id": record["id"], "image_file": f"{shapes.slug(record['name'])}.jpg"}
    image = shapes.new_image(body, record["id"], "https://cdn.example.com/harbour-and-pine")
    return {**image, "description": record["name"], "date_modified": record["date_modified"]}


def _page(number: int, entry: dict[str, Any]) -> Record:
    return shapes.new_page({"id": number, "sort_order": number, **entry})


def _post(number: int, entry: dict[str, Any]) -> Record:
    fields = {name: entry[name] for name in ("title", "body", "author", "tags")}
    first_words = entry["body"][:60].rpartition(" ")[0].removesuffix("</p>")
    published = {"is_published": not entry.get("draft", False), "published_date_iso8601": entry["date"]}
    return shapes.new_post({"id": number, "summary": f"{first_words} [...]</p>", **fields, **published})
