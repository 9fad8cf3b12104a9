from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from sync_pipeline.connectors.bigcommerce.records import Product
from sync_pipeline.pipelines.store_search.documents.stock import inventory_level, product_in_stock, variants_in_stock
from sync_pipeline_tests.pipelines.store_search.documents.builders import decodable, record

UNTRACKED = {"inventory_tracking": "none", "inventory_level": 0}
EMPTY = {"inventory_tracking": "product", "inventory_level": 0}
FULL = {"inventory_tracking": "product", "inventory_level": 3}
PER_VARIANT = {"inventory_tracking": "variant", "inventory_level": 3}
BUY_5, BUY_0 = {"inventory_level": 5}, {"inventory_level": 0}
NO_5, NO_0 = {**BUY_5, "purchasing_disabled": True}, {**BUY_0, "purchasing_disabled": True}


@pytest.mark.parametrize(
    ("fields", "variants", "expected"),
    [
        (UNTRACKED, [], (True, [])),
        (UNTRACKED, [BUY_0], (True, [True])),
        (UNTRACKED, [NO_5, BUY_0], (True, [False, True])),
        (UNTRACKED, [NO_5], (False, [False])),
        ({}, [BUY_0], (True, [True])),
        (EMPTY, [], (False, [])),
        (EMPTY, [BUY_5], (False, [False])),
        (FULL, [], (True, [])),
        (FULL, [BUY_0, NO_0], (True, [True, False])),
        (FULL, [NO_5], (False, [False])),
        ({**FULL, "inventory_level": "3"}, [], (True, [])),
        ({**FULL, "inventory_level": None}, [], (False, [])),
        ({**FULL, "inventory_level": -3}, [], (False, [])),
        (PER_VARIANT, [BUY_0, BUY_5], (True, [False, True])),
        (PER_VARIANT, [BUY_0, NO_5], (False, [False, False])),
        (PER_VARIANT, [{}, {"inventory_level": "2"}], (True, [False, True])),
        (PER_VARIANT, [], (True, [])),
        ({**PER_VARIANT, "inventory_level": 0}, [], (False, [])),
        ({**UNTRACKED, "availability": "disabled"}, [BUY_5], (False, [False])),
        ({**FULL, "availability": "disabled"}, [], (False, [])),
        ({**PER_VARIANT, "availability": "disabled"}, [BUY_5], (False, [False])),
        ({**EMPTY, "availability": "preorder"}, [], (True, [])),
        ({**EMPTY, "availability": "preorder"}, [BUY_0, NO_5], (True, [True, False])),
        ({**PER_VARIANT, "availability": "preorder"}, [BUY_0], (True, [True])),
        ({**FULL, "availability": "available"}, [], (True, [])),
    ],
)
def test_stock_follows_tracking_availability_and_purchasing(
    fields: dict[str, Any], variants: list[dict[str, Any]], expected: tuple[bool, list[bool]]
) -> None:
    product = record(Product, **fields, variants=[{"id": 1, **one} for one in variants])
    in_stock = variants_in_stock(product, product.variants or [])
    assert (product_in_stock(product, in_stock), in_stock) == expected


@pytest.mark.parametrize(
    ("tracking", "level", "expected"),
    [
        ("none", 5, None),
        (None, 5, None),
        ("product", 5, 5),
        ("variant", "7", 7),
        ("product", None, None),
        ("product", 0, 0),
    ],
)
def test_a_level_is_told_only_where_it_is_tracked(tracking: str | None, level: Any, expected: int | None) -> None:
    assert inventory_level(record(Product, inventory_tracking=tracking, inventory_level=level)) == expected


@given(decodable(Product))
def test_a_product_with_variants_is_in_stock_exactly_when_one_of_them_is(product: Product) -> None:
    variants = product.variants or []
    in_stock = variants_in_stock(product, variants)
    assert len(in_stock) == len(variants)
    assert not any(flag and one.purchasing_disabled for flag, one in zip(in_stock, variants, strict=True))
    if variants:
        assert product_in_stock(product, in_stock) == any(in_stock)
    if product.availability == "disabled":
        assert not product_in_stock(product, in_stock)
