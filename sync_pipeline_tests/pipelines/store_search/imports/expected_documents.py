"""What must be found of a shop, told from its raw JSON by other means than the code that makes the documents.

What belongs here: the rules once more, on plain dictionaries, for well-formed shops. What does not: odd records, whose
documents are spelt out beside them (odd_products.py and its neighbours).
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from sync_pipeline.sandboxes.bigcommerce.catalog import Catalog
from sync_pipeline_tests.real_shop import real_shop

Row = dict[str, Any]

COLLECTIONS = ("store", "brands", "categories", "products", "pages", "blog_posts")


@dataclass(frozen=True)
class RawShop:
    """A shop's collections in BigCommerce's shapes; products carry their parts inside."""

    store: Row
    brands: list[Row]
    categories: list[Row]
    products: list[Row]
    pages: list[Row]
    blog_posts: list[Row]

    def documents(self, *, now: datetime) -> dict[str, Row]:
        """Every document that searches must see at ``now``, by id, without `sync`."""
        published = [row for row in self.blog_posts if not hidden_post(row, now)]
        documents = [
            *(self.product(row) for row in self.products if row["is_visible"]),
            *(self.category(row) for row in self.categories if self.path(row["category_id"])),
            *(self.page(row) for row in self.pages if not hidden_page(row)),
            *(self.post(row) for row in published),
        ]
        return {f"{document['type']}-{document['id']}": document for document in documents}

    def filtered(self, *, now: datetime) -> dict[str, list[str]]:
        """The reasons why records are not indexed, sorted, by the import that reads them."""
        hidden = ["hidden" for row in self.products if not row["is_visible"]]
        unplaced = [
            "hidden_ancestor" if row["is_visible"] else "hidden"
            for row in self.categories
            if not self.path(row["category_id"])
        ]
        pages = [reason for row in self.pages if (reason := hidden_page(row))]
        posts = [reason for row in self.blog_posts if (reason := hidden_post(row, now))]
        return {"products": hidden, "categories": sorted(unplaced + pages), "blog_posts": sorted(posts)}

    def path(self, number: int) -> str:
        """A category's full path; empty when it or an ancestor is hidden."""
        [row] = [row for row in self.categories if row["category_id"] == number]
        above = self.path(row["parent_id"]) + " > " if row["parent_id"] else ""
        return above + row["name"] if row["is_visible"] and above != " > " else ""

    def url(self, path: str) -> str:
        return self.store["secure_url"] + path

    def product(self, row: Row) -> Row:
        [brand] = [one["name"] for one in self.brands if one["id"] == row["brand_id"]]
        paid = row["sale_price"] or row["price"]
        variants = [self.variant(one, row, paid) for one in row["variants"]]
        prices = [one["price"] for one in variants if "price" in one]
        prices = prices or [paid]
        tracked = row["inventory_tracking"] != "none"
        pairs = dict.fromkeys((one["name"], one["value"]) for one in chain(*(one["options"] for one in variants)))
        return {
            "id": row["id"],
            "type": "product",
            "name": row["name"],
            "sku": row["sku"],
            "description": plain(row["description"]),
            "brand": brand,
            "categories": [path for one in row["categories"] if (path := self.path(one))],
            "category_ids": row["categories"],
            **given(price=row["price"], sale_price=row["sale_price"], calculated_price=paid),
            **given(price_min=min(prices), price_max=max(prices)),
            "currency": self.store["currency"],
            "availability": row["availability"],
            "in_stock": any(one["in_stock"] for one in variants),
            **({"inventory_level": row["inventory_level"]} if tracked else {}),
            "is_visible": True,
            "is_featured": row["is_featured"],
            "condition": "New",
            "url": self.url(row["custom_url"]["url"]),
            "image_url": row["images"][0]["url_standard"],
            "custom_fields": [{"name": one["name"], "value": one["value"]} for one in row["custom_fields"]],
            "options": [{"name": name, "value": value} for name, value in pairs],
            "variants": variants,
            "review_count": row["reviews_count"],
            **given(rating_average=self.rating(row)),
            "total_sold": row["total_sold"],
            "search_keywords": [],
            "channels": row["channels"],
            "date_created": utc(row["date_created"]),
            "date_modified": utc(row["date_modified"]),
        }

    def rating(self, row: Row) -> float:
        return round(row["reviews_rating_sum"] / row["reviews_count"], 2) if row["reviews_count"] else 0

    def variant(self, row: Row, product: Row, paid: float) -> Row:
        levels = {"none": 1, "product": product["inventory_level"], "variant": row["inventory_level"]}
        level = levels[product["inventory_tracking"]]
        in_stock = {"available": level > 0, "preorder": True, "disabled": False}[product["availability"]]
        return {
            "id": row["id"],
            "sku": row["sku"],
            **given(price=row["price"] or paid),
            "in_stock": in_stock,
            "options": [{"name": one["option_display_name"], "value": one["label"]} for one in row["option_values"]],
        }

    def category(self, row: Row) -> Row:
        number, path = row["category_id"], self.path(row["category_id"])
        names = {"id": number, "type": "category", "name": row["name"], "path": path}
        return names | {"url": self.url(row["url"]["path"]), "parent_id": row["parent_id"], "is_visible": True}

    def page(self, row: Row) -> Row:
        names = {"id": row["id"], "type": "page", "name": row["name"], "path": row["name"]}
        place = {"url": self.url(row["url"]), "parent_id": row["parent_id"], "is_visible": True}
        return names | place | {"body": plain(row["body"])}

    def post(self, row: Row) -> Row:
        texts = {"body": plain(row["body"]), "summary": plain(row["summary"])}
        facts = {"tags": row["tags"], "author": row["author"], "url": self.url(row["url"])}
        published = {"published_at": utc(row["published_date_iso8601"])}
        return {"id": row["id"], "type": "post", "title": row["title"]} | texts | facts | published


def hidden_page(row: Row) -> str:
    if not row["is_visible"]:
        return "hidden"
    if row["is_customers_only"]:
        return "customers_only"
    return f"{row['type']}_page" if row["type"] in {"link", "blog"} else ""


def hidden_post(row: Row, now: datetime) -> str:
    if not row["is_published"]:
        return "draft"
    return "future" if datetime.fromisoformat(row["published_date_iso8601"]) > now else ""


def given(**values: Any) -> Row:
    """Those that are set: 0 is an unset price."""
    return {name: value for name, value in values.items() if value}


def utc(date: str) -> str:
    return datetime.fromisoformat(date).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plain(markup: str) -> str:
    without = re.sub(r"(?s)<(script|style).*?</\1>", "", markup)
    without = re.sub(r"</?(strong|b|em|i|span|a)\b[^>]*>", "", without)
    return " ".join(html.unescape(re.sub(r"</?[a-zA-Z][^>]*>", " ", without)).split())


def venia() -> RawShop:
    """The real shop beside the project; skips the test when it is not there."""
    folder = real_shop()
    return RawShop(*(json.loads((folder / f"{name}.json").read_text("utf-8")) for name in COLLECTIONS))


def raw_shop(catalog: Catalog) -> RawShop:
    """What a sandbox store holds now."""
    products = [catalog.products.whole(number) for number in catalog.products.ids]
    collections = (catalog.brands, catalog.categories, catalog.pages, catalog.posts)
    brands, categories, pages, posts = (json.loads(json.dumps(one.all())) for one in collections)
    return RawShop(catalog.info, brands, categories, products, pages, posts)
