from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.connectors.bigcommerce.records import Image, Product
from sync_pipeline.operations import Filtered, Operation, Rejected
from sync_pipeline.pipelines.store_search.documents.products import average_rating, main_image
from sync_pipeline.pipelines.store_search.documents.variants import MAX_VARIANTS
from sync_pipeline_tests.pipelines.store_search.documents.builders import body, category, context, item, record

COLOR_GOLD = {"option_display_name": "Color", "label": "Gold"}
SIZE_S = {"option_display_name": "Size", "label": "S"}


def document(**fields: Any) -> dict[str, Any]:
    return body(record(Product, **fields))


def test_a_bare_product_says_only_what_is_known() -> None:
    assert document() == {
        "type": "product",
        "id": 12,
        "name": "Jar",
        "categories": [],
        "category_ids": [],
        "currency": "EUR",
        "in_stock": True,
        "is_visible": True,
        "is_featured": False,
        "custom_fields": [],
        "options": [],
        "variants": [],
        "search_keywords": [],
    }


def test_a_full_product_has_every_field_of_the_interface() -> None:
    store = context(category(3, name="Accessories"), category(5, 3, name="Jewelry"), brands={35: "Sagaform"})
    product = record(
        Product,
        name=" 1L  Le Parfait Jar ",
        sku="JAR-1",
        description="<p>Gold &amp; <b>glass</b>.</p><script>track()</script>",
        price=10,
        sale_price=8,
        calculated_price=8,
        categories=[5, 3],
        brand_id=35,
        inventory_level=4,
        inventory_tracking="variant",
        reviews_rating_sum=14,
        reviews_count=3,
        total_sold=7,
        is_featured=True,
        search_keywords="jar, glass",
        availability="available",
        condition="New",
        date_created="2018-08-15T14:48:46+00:00",
        date_modified="2018-09-05T22:42:07+02:00",
        custom_url={"url": "/jar/", "is_customized": True},
        channels=[1, 2],
        custom_fields=[{"name": "Material", "value": "Glass"}, {"name": "Material", "value": "Gold"}],
        images=[{"is_thumbnail": True, "sort_order": 0, "url_standard": "https://cdn.example.com/jar.jpg"}],
        variants=[
            {"id": 1, "product_id": 12, "sku": "A", "inventory_level": 4, "option_values": [COLOR_GOLD, SIZE_S]},
            {"id": 2, "product_id": 12, "sku": "", "price": 9, "inventory_level": 0, "option_values": [COLOR_GOLD]},
        ],
    )
    gold, small = {"name": "Color", "value": "Gold"}, {"name": "Size", "value": "S"}
    assert body(product, store) == {
        "id": 12,
        "type": "product",
        "name": "1L Le Parfait Jar",
        "sku": "JAR-1",
        "description": "Gold & glass.",
        "brand": "Sagaform",
        "categories": ["Accessories > Jewelry", "Accessories"],
        "category_ids": [5, 3],
        "price": 10,
        "sale_price": 8,
        "calculated_price": 8,
        "price_min": 8,
        "price_max": 9,
        "currency": "EUR",
        "availability": "available",
        "in_stock": True,
        "inventory_level": 4,
        "is_visible": True,
        "is_featured": True,
        "condition": "New",
        "url": "https://shop.example.com/jar/",
        "image_url": "https://cdn.example.com/jar.jpg",
        "custom_fields": [{"name": "Material", "value": "Glass"}, {"name": "Material", "value": "Gold"}],
        "options": [gold, small],
        "variants": [
            {"id": 1, "sku": "A", "price": 8, "in_stock": True, "options": [gold, small]},
            {"id": 2, "price": 9, "in_stock": False, "options": [gold]},
        ],
        "rating_average": 4.67,
        "review_count": 3,
        "total_sold": 7,
        "search_keywords": ["jar", "glass"],
        "channels": [1, 2],
        "date_created": "2018-08-15T14:48:46Z",
        "date_modified": "2018-09-05T20:42:07Z",
    }


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"is_visible": False}, "hidden"),
        ({"is_visible": False, "name": ""}, "hidden"),
        ({"is_visible": False, "channels": []}, "hidden"),
        ({"channels": []}, "no_channel"),
        ({"channels": [], "name": None}, "no_channel"),
    ],
)
def test_what_is_hidden_or_sold_nowhere_is_filtered_before_it_is_judged(fields: dict[str, Any], reason: str) -> None:
    assert item(record(Product, **fields)) == Filtered("product-12", reason)


@pytest.mark.parametrize("channels", [None, [1], [7, 8]])
def test_a_visible_product_of_any_channel_is_indexed(channels: list[int] | None) -> None:
    assert isinstance(item(record(Product, channels=channels)), Operation)
    assert document(channels=channels).get("channels") == channels


def test_a_product_that_cannot_be_bought_stays_findable() -> None:
    found = document(availability="disabled", inventory_tracking="none", variants=[{"id": 1}])
    assert (found["availability"], found["in_stock"], found["variants"][0]["in_stock"]) == ("disabled", False, False)


@pytest.mark.parametrize("name", [None, "", " \n\xa0"])
def test_a_product_without_a_name_is_rejected_in_words_that_help(name: str | None) -> None:
    outcome = item(record(Product, name=name, sku="JAR-1"))
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.version) == ("no_name", 7)
    assert outcome.message == "product 12 (SKU JAR-1) has no name; give it one in BigCommerce"
    assert b'"sku":"JAR-1"' in outcome.payload


def test_paths_are_of_visible_categories_and_ids_of_all_that_exist() -> None:
    store = context(
        category(1, name="A"), category(2, 1, visible=False), category(3, 2), category(4, 1, name="B"), category(5, 5)
    )
    found = body(record(Product, categories=[4, 3, 2, 99, 5, 1, 4]), store)
    assert found["categories"] == ["A > B", "A"]
    assert found["category_ids"] == [4, 3, 2, 5, 1]


@pytest.mark.parametrize("brand_id", [None, 0, 36, 37])
def test_an_unknown_or_nameless_brand_is_absent(brand_id: int | None) -> None:
    store = context(brands={35: "Sagaform", 37: " ", 0: "nobody"} if brand_id else {35: "Sagaform"})
    assert "brand" not in body(record(Product, brand_id=brand_id), store)


def test_variants_of_no_or_another_product_are_dropped_everywhere() -> None:
    orphan = {"price": 1, "inventory_level": 9, "option_values": [SIZE_S]}
    found = document(
        price=5,
        inventory_tracking="variant",
        variants=[
            {"id": 1, "product_id": 0, **orphan},
            {"id": 2, "product_id": 13, **orphan},
            {"id": 3, "product_id": 12},
        ],
    )
    assert [one["id"] for one in found["variants"]] == [3]
    assert (found["price_min"], found["in_stock"], found["options"]) == (5, False, [])


def test_options_are_distinct_pairs_in_order_of_appearance() -> None:
    values = [
        [{"option_display_name": "Size", "label": " S "}, COLOR_GOLD],
        [SIZE_S, {"option_display_name": "Size", "label": 42}],
        [{"option_display_name": "", "label": "x"}, {"option_display_name": "Color", "label": None}],
        [{"option_display_name": "Color", "label": "S"}],
    ]
    found = document(variants=[{"id": n, "option_values": one} for n, one in enumerate(values, 1)])
    assert [(one["name"], one["value"]) for one in found["options"]] == [
        ("Size", "S"),
        ("Color", "Gold"),
        ("Size", "42"),
        ("Color", "S"),
    ]
    assert [len(one["options"]) for one in found["variants"]] == [2, 2, 0, 1]


def test_options_that_only_python_takes_for_equal_stay_apart() -> None:
    labels = [1, True, 1.0, "1"]
    values = [[{"option_display_name": "Size", "label": label}] for label in labels]
    found = document(variants=[{"id": n, "option_values": one} for n, one in enumerate(values, 1)])
    assert [one["value"] for one in found["options"]] == ["1", "true", "1.0"]
    assert [one["options"][0]["value"] for one in found["variants"]] == ["1", "true", "1.0", "1"]


def test_the_list_of_variants_is_bounded_but_price_stock_and_options_look_at_all() -> None:
    many = [{"id": n, "price": 5, "inventory_level": 0} for n in range(1, MAX_VARIANTS + 1)]
    last = {"id": MAX_VARIANTS + 1, "price": 9, "inventory_level": 1, "option_values": [SIZE_S]}
    found = document(inventory_tracking="variant", variants=[*many, last])
    assert len(found["variants"]) == MAX_VARIANTS
    assert (found["price_max"], found["in_stock"], len(found["options"])) == (9, True, 1)


def test_custom_fields_keep_repeated_names_and_drop_empty_ones() -> None:
    fields = [("A", "1"), ("A", "2"), ("A", 2.5), ("B", True), ("", "x"), ("C", ""), (None, "x"), ("C", None)]
    found = document(custom_fields=[{"name": name, "value": value} for name, value in fields])
    assert [(one["name"], one["value"]) for one in found["custom_fields"]] == [
        ("A", "1"),
        ("A", "2"),
        ("A", "2.5"),
        ("B", "true"),
    ]


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([], None),
        ([(True, 0, None)], None),
        ([(False, 2, "b"), (False, 1, "a"), (True, 9, "t")], "t"),
        ([(False, 2, "b"), (False, 1, "a"), (True, 0, None), (True, 0, "")], "a"),
        ([(False, None, "b"), (None, 5, "a")], "a"),
        ([(False, -1, "b"), (False, 0, "a")], "b"),
        ([(False, "2", "b"), (False, "10", "a")], "b"),
        ([(False, 1, "first"), (False, 1, "second")], "first"),
    ],
)
def test_the_image_is_the_thumbnail_else_the_first_in_order(
    images: list[tuple[bool | None, Any, str | None]], expected: str | None
) -> None:
    records = [Image(is_thumbnail=thumbnail, sort_order=order, url_standard=url) for thumbnail, order, url in images]
    assert main_image(records) == expected


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [
        (14, 3, 4.67),
        (5, 1, 5),
        (0, 0, None),
        (9, 0, None),
        (None, 3, None),
        (9, None, None),
        (9, -1, None),
        (1e300, 1, None),
        (-1, 1, None),
    ],
)
def test_the_rating_is_the_mean_or_absent(total: float | None, count: int | None, expected: float | None) -> None:
    assert average_rating(total, count) == expected
