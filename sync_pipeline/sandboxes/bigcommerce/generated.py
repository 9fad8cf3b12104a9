"""Products by the hundred thousand, each computed from (seed, number) when it is asked for and never stored.

The 64 bytes that blake2b gives for a seed and a number decide everything about a product, so two servers with the same
seed agree, whatever they were asked before. The words are generated_words'; categories and content generated_content's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

from sync_pipeline.sandboxes.bigcommerce import generated_words as words
from sync_pipeline.sandboxes.bigcommerce.shapes import PRODUCT, VARIANT
from sync_pipeline.sandboxes.kit.clock import iso

if TYPE_CHECKING:
    from collections.abc import Collection

    from sync_pipeline.sandboxes.bigcommerce.shapes import Record

VARIANT_IDS_PER_PRODUCT = 1000
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
DAYS = 600
COLOURS = ("Black", "White", "Forest Green", "Navy", "Ochre", "Slate")
SIZES = ("S", "M", "L", "XL")
RARE, SOME, MANY = 6, 20, 60  # of 256: 2 %, 8 %, 23 %


class GeneratedProducts:
    """The products of one seed. ``shelves`` are the categories that products lie in, ``brands`` how many there are."""

    newest_modified = FIRST_DAY + DAYS * 86_400

    def __init__(self, seed: int, count: int, *, shelves: list[Record], brands: int) -> None:
        self.ids = range(1, count + 1)
        self._seed = seed
        self._shelves = shelves
        self._brands = brands

    def variant_count(self, number: int) -> int:
        """1 for two products in three, 2 to 4 for most others, 24 (colour by size) for one in 256."""
        return _variant_count(self._bytes(number))

    def build(self, number: int, parts: Collection[str]) -> Record:
        """Returns the product, with its variants, images, custom fields and channels where ``parts`` names them."""
        r = self._bytes(number)
        shelf = self._shelves[(r[0] | r[1] << 8) % len(self._shelves)]
        price = 0 if r[4] < RARE else (99 + 7 * (r[2] | r[3] << 8)) / 100
        sale = round(price * 0.8, 2) if r[5] < MANY else 0
        tracking = words.TRACKING[r[6] & 3]
        noun = shelf["search_keywords"]
        model = f"{words.SERIES[r[12] % len(words.SERIES)]} {number}"
        name = f"{words.ADJECTIVES[r[7] % len(words.ADJECTIVES)]} {noun} {model}"
        modified = iso(FIRST_DAY + (r[8] | r[9] << 8 | r[10] << 16) % (DAYS * 86_400))
        product = {
            **PRODUCT,
            "id": number,
            "name": name,
            "sku": f"G{self._seed}-{number}",
            "description": _description(r, name),
            "weight": r[11] / 10,
            "price": price,
            "cost_price": round(price * 0.6, 2),
            "sale_price": sale,
            "calculated_price": sale or price,
            "categories": self._categories(shelf, r),
            "brand_id": r[14] % (self._brands + 1),
            "inventory_level": 0 if tracking == "none" or r[15] < SOME else r[15],
            "inventory_tracking": tracking,
            "reviews_count": r[16] & 7,
            "reviews_rating_sum": (r[16] & 7) * (3 + (r[16] >> 7)),
            "total_sold": r[17],
            "is_visible": r[18] >= SOME,
            "is_featured": r[19] < RARE,
            "availability": "disabled" if r[20] < RARE else "preorder" if r[20] < 2 * RARE else "available",
            "search_keywords": f"{noun.lower()}, {shelf['name'].lower()}" if r[21] & 1 else "",
            "date_created": iso(FIRST_DAY),
            "date_modified": modified,
            "custom_url": {"url": f"/{noun.lower()}-{number}/", "is_customized": False},
        }
        count = _variant_count(r)
        if count == 1:
            product["base_variant_id"] = number * VARIANT_IDS_PER_PRODUCT + 1
        if "variants" in parts:
            product["variants"] = [_variant(product, order, count, r) for order in range(count)]
        if "images" in parts:
            product["images"] = [_image(number, order, modified) for order in range(r[22] % 3)]
        if "custom_fields" in parts:
            product["custom_fields"] = _custom_fields(number, r)
        if "channels" in parts:
            product["channels"] = [] if r[24] < RARE else [1, 2] if r[24] < 2 * SOME else [1]
        return product

    @cached_property
    def _key(self) -> bytes:
        return f"products of {self._seed}".encode()

    def _bytes(self, number: int) -> bytes:
        return blake2b(number.to_bytes(8, "big"), key=self._key).digest()

    def _categories(self, shelf: Record, r: bytes) -> list[int]:
        other = self._shelves[r[25] % len(self._shelves)]
        if r[26] >= MANY or other is shelf:
            return [shelf["category_id"]]
        return [shelf["category_id"], other["category_id"]]


def _variant_count(r: bytes) -> int:
    if r[23] < 170:
        return 1
    return len(COLOURS) * len(SIZES) if r[23] == 255 else 2 + r[23] % 3


def _variant(product: Record, order: int, count: int, r: bytes) -> Record:
    number = product["id"]
    own_price = round(product["price"] + 2 * order, 2) if r[27] < MANY and order else None
    level = product["inventory_level"] if order == 0 else r[28 + order % 24] % 40
    return {
        **VARIANT,
        "id": number * VARIANT_IDS_PER_PRODUCT + order + 1,
        "product_id": number,
        "sku": product["sku"] if count == 1 else f"{product['sku']}-{order + 1}",
        "sku_id": None if count == 1 else number * VARIANT_IDS_PER_PRODUCT + order + 1,
        "price": own_price,
        "calculated_price": product["calculated_price"] if own_price is None else own_price,
        "calculated_weight": product["weight"],
        "inventory_level": level,
        "purchasing_disabled": r[29] < RARE and order == 1,
        "option_values": _option_values(number, order, count),
    }


def _option_values(number: int, order: int, count: int) -> list[Record]:
    if count == 1:
        return []
    colour = order // len(SIZES) if count > len(SIZES) else order
    values = [_option_value(number, 1, "Colour", colour, COLOURS[colour])]
    if count > len(SIZES):
        values.append(_option_value(number, 2, "Size", order % len(SIZES), SIZES[order % len(SIZES)]))
    return values


def _option_value(number: int, option: int, name: str, order: int, label: str) -> Record:
    option_id = number * 10 + option
    return {"id": option_id * 10 + order, "label": label, "option_id": option_id, "option_display_name": name}


def _image(number: int, order: int, modified: str) -> Record:
    stem = f"https://cdn.example.com/g/{number}/{order}"
    return {
        "id": number * 10 + order,
        "product_id": number,
        "is_thumbnail": order == 0,
        "sort_order": order,
        "description": "",
        "image_file": f"g/{number}/{order}.jpg",
        "url_zoom": f"{stem}.1280.jpg",
        "url_standard": f"{stem}.500.jpg",
        "url_thumbnail": f"{stem}.250.jpg",
        "url_tiny": f"{stem}.50.jpg",
        "date_modified": modified,
    }


def _custom_fields(number: int, r: bytes) -> list[Record]:
    pairs = [
        ("Material", words.MATERIALS[r[52] % len(words.MATERIALS)]),
        ("Material", words.MATERIALS[r[53] % len(words.MATERIALS)]),  # a name may repeat: multi-value
        ("Made in", words.COUNTRIES[r[54] % len(words.COUNTRIES)]),
        ("Warranty (years)", str(r[55] % 10)),
    ]
    distinct = list(dict.fromkeys(pairs))[: r[56] % 5]
    return [{"id": number * 10 + order, "name": name, "value": value} for order, (name, value) in enumerate(distinct)]


def _description(r: bytes, name: str) -> str:
    sentences = " ".join(words.SENTENCES[byte % len(words.SENTENCES)] for byte in r[57 : 60 + r[60] % 3])
    text = f"<p><strong>{name}</strong> &ndash; {sentences}</p>"
    if r[61] < MANY:
        text += "<ul><li>Caf&eacute; &amp; bar use</li><li>5&nbsp;mm &lt; depth &lt; 9&nbsp;mm</li></ul>"
    if r[62] < SOME:
        text += "<script>track('view');</script><style>.hint{color:red}</style>"
    return text
