from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.connectors.bigcommerce.records import Product, Variant
from sync_pipeline.pipelines.store_search.documents.loose_numbers import as_float, as_int
from sync_pipeline.pipelines.store_search.documents.prices import amount, price_range, product_prices, variant_price
from sync_pipeline_tests.pipelines.store_search.documents.builders import body, record


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        (" ", None),
        (0, None),
        (0.0, None),
        ("0", None),
        ("0.00", None),
        (-5, None),
        (-0.01, None),
        (math.nan, None),
        (math.inf, None),
        (-math.inf, None),
        ("9" * 400, None),
        (5, 5.0),
        (5.25, 5.25),
        (" 5.25 ", 5.25),
        (".5", 0.5),
    ],
)
def test_only_positive_finite_amounts_are_set(value: Any, expected: float | None) -> None:
    assert amount(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        (3, 3),
        (3.9, 3),
        ("3.9", 3),
        (-2, -2),
        (1e300, None),
        (math.inf, None),
        ("9" * 400, None),
    ],
)
def test_whole_numbers_lose_their_fraction_and_stay_within_64_bits(value: Any, expected: int | None) -> None:
    assert as_int(value) == expected


@pytest.mark.parametrize("value", [None, "", " ", "9" * 400, math.inf, -math.inf, math.nan])
def test_what_is_no_finite_number_is_none(value: Any) -> None:
    assert as_float(value) is None


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53))
def test_a_number_reads_the_same_as_number_and_as_text(value: float) -> None:
    text = f"{value:f}"
    assert as_float(text) == float(text)
    assert as_float(value) == value


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"price": 10, "sale_price": 0, "calculated_price": 10}, (10, None, 10)),
        ({"price": 10, "sale_price": 8, "calculated_price": 8}, (10, 8, 8)),
        ({"price": 10, "sale_price": 8}, (10, 8, 8)),
        ({"price": 10, "sale_price": None, "calculated_price": 0}, (10, None, 10)),
        ({"price": "10.50", "sale_price": "", "calculated_price": "10.50"}, (10.5, None, 10.5)),
        ({"price": 0, "sale_price": 0, "calculated_price": 0}, (None, None, None)),
        ({"price": -1, "sale_price": -1, "calculated_price": -1}, (None, None, None)),
        ({}, (None, None, None)),
        ({"price": 10, "sale_price": 8, "calculated_price": 8, "is_price_hidden": True}, (None, None, None)),
    ],
)
def test_zero_and_null_are_unset_prices_and_the_calculated_one_falls_back(
    fields: dict[str, Any], expected: tuple[float | None, ...]
) -> None:
    assert product_prices(record(Product, **fields)) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 8),
        ({"price": None, "sale_price": None, "calculated_price": None}, 8),
        ({"calculated_price": 0}, 8),
        ({"price": 12}, 12),
        ({"price": 12, "sale_price": 11}, 11),
        ({"price": 12, "sale_price": 11, "calculated_price": 11.5}, 11.5),
        ({"price": -12}, 8),
    ],
)
def test_a_variant_inherits_what_it_does_not_set(fields: dict[str, Any], expected: float) -> None:
    prices = product_prices(record(Product, price=10, sale_price=8))
    assert variant_price(record(Variant, id=1, **fields), prices) == expected


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        ([], (10, 10)),
        ([(5, False), (7, False)], (5, 7)),
        ([(5, True), (7, False), (9, False), (99, True)], (7, 9)),
        ([(5, True), (7, True)], (5, 7)),
        ([(None, False), (7, True)], (7, 7)),
        ([(None, False)], (10, 10)),
    ],
)
def test_the_range_is_over_what_can_be_bought_then_over_all_then_the_products_own(
    variants: list[tuple[float | None, bool]], expected: tuple[float, float]
) -> None:
    prices = product_prices(record(Product, price=10))
    pairs = [(Variant(id=1, purchasing_disabled=disabled), price) for price, disabled in variants]
    assert price_range(pairs, prices) == expected


def test_a_hidden_price_appears_nowhere_in_the_document() -> None:
    variants = [{"id": 1, "price": 4, "sale_price": 3, "calculated_price": 3}]
    shown = record(Product, price=5, sale_price=4, calculated_price=4, variants=variants)
    hidden = record(Product, price=5, sale_price=4, calculated_price=4, variants=variants, is_price_hidden=True)
    fields = {"price", "sale_price", "calculated_price", "price_min", "price_max"}
    assert fields <= body(shown).keys()
    assert not fields & body(hidden).keys()
    assert "price" in body(shown)["variants"][0]
    assert "price" not in body(hidden)["variants"][0]
