from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sync_pipeline_tests.sandboxes.bigcommerce.conftest import Shop

Product = dict[str, Any]
PATH = "/v3/catalog/products"


def every_product(shop: Shop) -> list[Product]:
    return [p for page in (1, 2, 3) for p in shop.data(PATH, limit=250, page=page, include="channels")]


FILTERS: list[tuple[dict[str, Any], Callable[[Product], bool]]] = [
    ({"id": 7}, lambda p: p["id"] == 7),
    ({"id__in": "3,599,4,7000"}, lambda p: p["id"] in {3, 4, 599}),
    ({"id__not_in": "1,2,3"}, lambda p: p["id"] > 3),
    ({"id__min": 590, "id__max": 595}, lambda p: 590 <= p["id"] <= 595),
    ({"id__greater": 590, "id__less": 595}, lambda p: 590 < p["id"] < 595),
    ({"channel_id__in": "2"}, lambda p: 2 in p["channels"]),
    ({"channel_id__in": "1,2"}, lambda p: bool(p["channels"])),
    ({"is_visible": "false"}, lambda p: not p["is_visible"]),
    ({"is_visible": 1, "id__greater": 300}, lambda p: p["is_visible"] and p["id"] > 300),
    ({"brand_id": 4}, lambda p: p["brand_id"] == 4),
    ({"sku__in": "G5-11,G5-12,none"}, lambda p: p["id"] in {11, 12}),
    ({"availability": "disabled"}, lambda p: p["availability"] == "disabled"),
    ({"type": "digital"}, lambda p: p["type"] == "digital"),
    ({"price": 0}, lambda p: p["price"] == 0),
    ({"keyword": "KETTLE"}, lambda p: "kettle" in p["name"].lower()),
    ({"keyword": "Maker 7 "}, lambda p: p["brand_id"] == 7),
    (
        {"date_modified__min": "2024-06-01T00:00:00Z", "date_modified__max": "2024-08-01T00:00:00+00:00"},
        lambda p: "2024-06-01T00:00:00" <= p["date_modified"] < "2024-08-01T00:00:01",
    ),
    ({"date_modified__max": "Sat, 01 Jun 2024 00:00:00 +0000"}, lambda p: p["date_modified"] < "2024-06-01T00:00:01"),
    ({"date_modified__min": "1717200000"}, lambda p: p["date_modified"] >= "2024-06-01T00:00:00"),
    ({"date_last_imported__min": "2020-01-01T00:00:00Z"}, lambda _: False),
]


@pytest.mark.parametrize(("params", "expected"), FILTERS, ids=[str(params) for params, _ in FILTERS])
def test_a_filter_selects_exactly_the_products_it_means(
    small: Shop, params: dict[str, Any], expected: Callable[[Product], bool]
) -> None:
    chosen = [p["id"] for p in every_product(small) if expected(p)]
    body = small.get(PATH, limit=250, **params).json()
    assert [p["id"] for p in body["data"]] == chosen[:250]
    assert body["meta"]["pagination"]["total"] == len(chosen)


def test_categories_in_wants_all_of_them_and_categories_no_other(small: Shop) -> None:
    products = every_product(small)
    both = next(p["categories"] for p in products if len(p["categories"]) == 2)
    wanted = ",".join(map(str, both))
    assert [p["id"] for p in small.data(PATH, categories__in=wanted)] == [
        p["id"] for p in products if set(both) <= set(p["categories"])
    ]
    assert [p["id"] for p in small.data(PATH, categories=both[0])] == [
        p["id"] for p in products if p["categories"] == both[:1]
    ]


@pytest.mark.parametrize("field", ["name", "price", "date_modified", "is_visible"])
def test_a_list_sorts_both_ways(small: Shop, field: str) -> None:
    up = [(p[field], p["id"]) for p in small.data(PATH, sort=field, limit=250)]
    down = [(p[field], p["id"]) for p in small.data(PATH, sort=field, direction="desc", limit=250)]
    expected = sorted((p[field], p["id"]) for p in every_product(small))
    assert up == expected[:250]
    assert down == expected[::-1][:250]


def test_a_date_without_a_time_gets_the_time_of_day_of_the_request(demo: Shop) -> None:
    def since(date: str) -> set[int]:
        return {p["id"] for p in demo.data(PATH, date_modified__min=date)}

    demo.admin.update("demo", "products", 101, {"date_modified": "2026-02-02T09:00:00+00:00"})
    demo.admin.update("demo", "products", 102, {"date_modified": "2026-02-02T23:00:00+00:00"})
    of_day = demo.data("/v2/time")["time"] % 86_400
    demo.admin.advance_clock(86_400 - of_day + 10 * 3600)  # ten in the morning
    assert since("2026-02-02") == {102}
    assert since("2026-02-02T00:00:00Z") == {101, 102}


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"is_visible": "perhaps"}, "is_visible"),
        ({"availability": "sometimes"}, "availability"),
        ({"id__in": "1,a"}, "id:in"),
        ({"date_modified__min": "yesterday"}, "date_modified:min"),
        ({"price": "cheap"}, "price"),
        ({"sort": "colour"}, "sort"),
        ({"direction": "up"}, "direction"),
        ({"include": "variants,wishes"}, "include"),
        ({"include_fields": "sort_order"}, "include_fields"),
    ],
)
def test_a_value_that_makes_no_sense_is_422_and_names_its_parameter(
    small: Shop, params: dict[str, Any], field: str
) -> None:
    response = small.get(PATH, **params)
    assert response.status_code == 422
    assert list(response.json()["errors"]) == [field]


def test_an_unknown_filter_is_422_by_name(small: Shop) -> None:
    response = small.get(PATH, updated_since="2024-01-01")
    assert response.status_code == 422
    assert response.json() == {
        "status": 422,
        "title": "The filter(s): updated_since are not valid filter parameter(s).",
        "type": "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes",
        "errors": {},
    }


PARTS = ["bulk_pricing_rules", "channels", "custom_fields", "images", "reviews", "variants", "videos", "primary_image"]


def test_products_carry_parts_only_when_asked(demo: Shop) -> None:
    bare = demo.data(f"{PATH}/101")
    assert not set(bare) & {*PARTS, "options", "modifiers", "parent_relations"}
    assert set(demo.data(f"{PATH}/101", include=",".join(PARTS))) == {*bare, *PARTS}
    assert demo.data(PATH, include="variants,channels")[0]["channels"] == [1]


def test_the_primary_image_is_the_thumbnail_or_null(demo: Shop) -> None:
    images = demo.data(f"{PATH}/101", include="images,primary_image")
    assert images["primary_image"] == images["images"][0]
    assert images["primary_image"]["url_zoom"].startswith("https://")
    number = demo.admin.create("demo", "products", {"name": "Bare", "price": 1})["id"]
    assert demo.data(f"{PATH}/{number}", include="primary_image")["primary_image"] is None


def test_options_are_what_the_variants_vary_over(demo: Shop) -> None:
    [squall] = demo.data(PATH, name="Squall Waterproof Jacket", include="options,variants")
    labels = {option["display_name"]: [v["label"] for v in option["option_values"]] for option in squall["options"]}
    assert labels == {"Colour": ["Ochre", "Navy"], "Size": ["S", "M", "L", "XL"]}
    assert len(squall["variants"]) == 8
    assert squall["base_variant_id"] is None


def test_chosen_fields_come_with_the_number_and_those_that_always_come(demo: Shop) -> None:
    always = {"id", "gift_wrapping_options_type", "gift_wrapping_options_list"}
    product = demo.data(PATH, include_fields="name,price", include="variants", limit=1)[0]
    assert set(product) == {*always, "name", "price", "variants"}
    assert not {"description", "name"} & set(demo.data(PATH, exclude_fields="description,name", limit=1)[0])


def test_the_variants_of_a_product_are_those_in_all_variants(small: Shop) -> None:
    product = next(p for p in small.data(PATH, include="variants", limit=250) if len(p["variants"]) > 1)
    assert small.data(f"{PATH}/{product['id']}/variants") == product["variants"]
    chosen = small.data("/v3/catalog/variants", product_id__in=f"{product['id']},{product['id']},99999")
    assert chosen == product["variants"]
    assert small.data("/v3/catalog/variants", sku=chosen[1]["sku"]) == [chosen[1]]
    assert small.data("/v3/catalog/variants", id=chosen[1]["id"]) == [chosen[1]]


def test_channel_assignments_are_the_products_channels(small: Shop) -> None:
    expected = [(p["id"], channel) for p in every_product(small) for channel in p["channels"]]
    listed = small.data(f"{PATH}/channel-assignments", limit=250)
    assert [(a["product_id"], a["channel_id"]) for a in listed] == expected[:250]
    only = small.data(f"{PATH}/channel-assignments", channel_id__in=2, product_id__in="1,2,3,4,5,6,7,8,9,10,11,12")
    assert [(a["product_id"], a["channel_id"]) for a in only] == [e for e in expected if e[0] <= 12 and e[1] == 2]


def test_the_summary_counts_variants_not_products(demo: Shop) -> None:
    summary = demo.data("/v3/catalog/summary")
    assert summary["variant_count"] == demo.total("/v3/catalog/variants")
    assert "product_count" not in summary
