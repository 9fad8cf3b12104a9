"""Odd prices, variants and stock, each with what must become of it. The rules are those of documents/, not called here.

What belongs here: data about what can be bought. What does not: names, texts, places (odd_products.py), and the tests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from sync_pipeline_tests.pipelines.store_search.imports.odd_records import ABSENT, Odd, product, unreadable

GOLD = {"option_display_name": "Metal", "label": "Gold"}
SMALL = {"option_display_name": "Width", "label": "Small"}
NO_PRICES: dict[str, Any] = dict.fromkeys(("price", "sale_price", "calculated_price", "price_min", "price_max"), ABSENT)


def variant(level: int = 5, *options: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"inventory_level": level, "option_values": list(options), **fields}


def paid(amount: float, most: float | None = None) -> dict[str, Any]:
    return {"price_min": amount, "price_max": most or amount}


def each(name: str, *values: Any) -> Callable[[Any], bool]:
    """Judges one field of every element of a list."""
    return lambda found: [one.get(name, ABSENT) for one in found] == list(values)


def unreadable_price(what: str, problem: str, price: Any) -> Odd:
    dead = unreadable(f"value for price cannot be used ({problem})")
    return Odd("products", what, {"name": "Oddity"}, raw={"price": price}, dead=dead)


def stock(what: str, buyable: list[bool], *, level: Any = ABSENT, tracking: str = "none", **fields: Any) -> Odd:
    """A product whose variants must be in stock as ``buyable`` says, and it itself if one of them is."""
    expected = {"in_stock": any(buyable), "inventory_level": level, "variants": each("in_stock", *buyable)}
    return product(what, expected, inventory_tracking=tracking, **fields)


PRICES = [
    unreadable_price("with an infinite price", "number out of range", msgspec.Raw(b"1e999")),
    unreadable_price("with a price that is no number", "expected a number", "NaN"),
    unreadable_price("with a price in an object", "expected int | float | str | null, got object", {"amount": 5}),
    product("with a negative price", NO_PRICES, price=-5),
    product("without a price", NO_PRICES, price=None),
    product("with the price 0", NO_PRICES, price=0),
    product(
        "with a price as text",
        {"price": 12.5, **paid(12.5)},
        raw={"price": " 12.50 ", "calculated_price": "", "variants": []},
    ),
    product("with a very large price", {"price": 1e300, **paid(1e300)}, price=1e300),
    product("on sale", {"price": 10, "sale_price": 8, "calculated_price": 8, **paid(8)}, sale_price=8),
    product("with a negative sale price", {"sale_price": ABSENT, **paid(10)}, sale_price=-1, calculated_price=10),
    product(
        "with a hidden price",
        {**NO_PRICES, "in_stock": False, "variants": each("price", ABSENT)},
        is_price_hidden=True,
        availability="disabled",
        variants=[variant(price=3)],
    ),
    product(
        "whose variants inherit or have prices of their own",
        {"calculated_price": 8, **paid(8, 25), "variants": each("price", 8, 20, 25, 1)},
        sale_price=8,
        variants=[
            variant(),
            variant(price=20),
            variant(price=30, sale_price=25),
            variant(price=1, purchasing_disabled=True),
        ],
    ),
    product(
        "whose variants have no calculated price",
        {**paid(7, 10), "variants": each("price", 10, 7)},
        variants=[variant(calculated_price=None), variant(price=7, calculated_price=None)],
    ),
]

VARIANTS = [
    product(
        "with 600 variants",
        {
            "variants": each("sku", *(f"V600-{n}" for n in range(600))),
            "options": lambda found: len(found) == 601,
            "in_stock": True,
        },
        variants=[variant(n % 2, GOLD, {"option_display_name": "No", "label": n}, sku=f"V600-{n}") for n in range(600)],
        found_by="V600-599",
        inventory_tracking="variant",
    ),
    product(
        "with orphan variants",
        {
            **paid(10),
            "in_stock": False,
            "options": [{"name": "Metal", "value": "Gold"}],
            "variants": lambda found: len(found) == 1,
        },
        variants=[variant(9, SMALL, product_id=0, price=1), variant(0, GOLD), variant(9, SMALL, product_id=101)],
        inventory_tracking="variant",
    ),
    product("without variants", {"variants": [], "options": [], "in_stock": True, **paid(10)}, raw={"variants": []}),
    product(
        "whose parts are null",
        {"variants": [], "custom_fields": [], "category_ids": [], "image_url": ABSENT, "channels": ABSENT},
        raw=dict.fromkeys(("variants", "custom_fields", "images", "channels", "categories")),
    ),
    product(
        "with 200 custom fields, each name four times",
        {"custom_fields": lambda found: len(found) == 200 and set(Counter(f["name"] for f in found).values()) == {4}},
        custom_fields=[{"name": f"Field {n % 50}", "value": f"Axolotl {n}"} for n in range(200)],
        found_by="axolotl 199",
    ),
    product(
        "with custom fields named as the index's own",
        {"custom_fields": each("name", "sync", "price", "_id", "a.b.c"), "price": 10},
        custom_fields=[{"name": name, "value": "x"} for name in ("sync", "price", "_id", "a.b.c", "")],
    ),
]

STOCK = [
    stock("untracked", [True], inventory_level=0),
    stock("tracked and sold out", [False], level=0, tracking="product"),
    stock("tracked and there", [True], level=3, tracking="product", inventory_level=3, variants=[variant(0)]),
    stock("oversold", [False], level=-2, tracking="product", inventory_level=-2),
    stock("tracked by variant", [False, True], level=0, tracking="variant", variants=[variant(0), variant(2)]),
    stock(
        "in variants that may not be bought",
        [False, False],
        level=0,
        tracking="variant",
        variants=[variant(9, purchasing_disabled=True), variant(0)],
    ),
    stock("untracked that may not be bought", [False], variants=[variant(purchasing_disabled=True)]),
    stock("sold out for preorder", [True], level=0, tracking="product", availability="preorder"),
    stock("there but disabled", [False], level=5, tracking="product", inventory_level=5, availability="disabled"),
]

ODD_OFFERS = [*PRICES, *VARIANTS, *STOCK]
