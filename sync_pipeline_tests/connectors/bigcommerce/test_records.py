"""What decodes and what does not: odd but usable records do, a wrong type in a field that matters names the field."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.connectors.bigcommerce.records import (
    BlogPost,
    Brand,
    Category,
    Channel,
    Page,
    Product,
    Site,
    Store,
    Tree,
    Variant,
)
from sync_pipeline_tests.real_shop import real_shop

COLLECTIONS: dict[str, type[msgspec.Struct]] = {
    "store": Store,
    "channels": Channel,
    "trees": Tree,
    "categories": Category,
    "brands": Brand,
    "products": Product,
    "pages": Page,
    "blog_posts": BlogPost,
}
MINIMAL: dict[type[msgspec.Struct], dict[str, Any]] = {
    Store: {"id": "abc123"},
    Channel: {"id": 1},
    Site: {"id": 1000},
    Tree: {"id": 1},
    Category: {"category_id": 3, "is_visible": True},
    Brand: {"id": 35},
    Product: {"id": 12, "is_visible": True},
    Variant: {"id": 382},
    Page: {"id": 2, "is_visible": True},
    BlogPost: {"id": 1, "is_published": True},
}


def decode(struct: type[msgspec.Struct], **fields: object) -> Any:
    return msgspec.json.decode(json.dumps({**MINIMAL[struct], **fields}), type=struct)


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_record_of_the_real_shop_decodes_to_what_it_says(collection: str) -> None:
    folder = real_shop()
    rows = json.loads((folder / f"{collection}.json").read_text("utf-8"))
    struct = COLLECTIONS[collection]
    for row in rows if isinstance(rows, list) else [rows]:
        record = msgspec.json.decode(json.dumps(row), type=struct)
        read = msgspec.to_builtins(record)
        assert read == _restricted(row, read)
        assert row.keys() >= {name for name, value in read.items() if value is not None}


def _restricted(value: Any, shape: Any) -> Any:
    """``value`` with only the keys of ``shape``, at every depth; an absent key is None."""
    if isinstance(shape, dict):
        return {key: _restricted(value.get(key), part) for key, part in shape.items()}
    if isinstance(shape, list):
        assert len(value) == len(shape)
        return [_restricted(one, part) for one, part in zip(value, shape, strict=True)]
    return value


@pytest.mark.parametrize("struct", MINIMAL)
def test_ids_and_visibility_are_enough_for_a_record(struct: type[msgspec.Struct]) -> None:
    decode(struct)


@pytest.mark.parametrize("struct", MINIMAL)
def test_everything_but_ids_and_visibility_may_be_null(struct: type[msgspec.Struct]) -> None:
    optional = [name for name in struct.__struct_fields__ if name not in MINIMAL[struct]]
    assert decode(struct, **dict.fromkeys(optional)) == decode(struct)


@pytest.mark.parametrize(("struct", "field"), [(struct, field) for struct in MINIMAL for field in MINIMAL[struct]])
@pytest.mark.parametrize("wrong", [None, [], {}, "x y", 1.5])
def test_ids_and_visibility_must_be_right(struct: type[msgspec.Struct], field: str, wrong: object) -> None:
    if struct is Store and isinstance(wrong, str):
        return
    with pytest.raises(msgspec.ValidationError, match=rf"\$\.{field}"):
        decode(struct, **{field: wrong})


def test_a_record_without_its_visibility_flag_is_neither_published_nor_dropped_unseen() -> None:
    for struct, raw in ((Product, {"id": 1}), (Category, {"category_id": 1}), (Page, {"id": 1}), (BlogPost, {"id": 1})):
        with pytest.raises(msgspec.ValidationError, match="missing required field"):
            msgspec.json.decode(json.dumps(raw), type=struct)


@pytest.mark.parametrize("field", ["price", "sale_price", "calculated_price", "inventory_level", "reviews_count"])
@pytest.mark.parametrize("usable", [0, 7, 7.5, -1, "7.5", "0.849", " 12 ", ".5", "3.", "", None])
def test_numbers_may_come_in_every_documented_spelling(field: str, usable: object) -> None:
    assert getattr(decode(Product, **{field: usable}), field) == usable


@pytest.mark.parametrize("field", ["price", "sale_price", "calculated_price", "inventory_level"])
@pytest.mark.parametrize("wrong", ["free", "1,234.50", "NaN", "1e5", True, [], {}, 10**30])
def test_what_is_no_number_is_refused_with_the_field_named(field: str, wrong: object) -> None:
    with pytest.raises(msgspec.ValidationError, match=rf"\$\.{field}"):
        decode(Product, **{field: wrong})


@pytest.mark.parametrize(
    ("struct", "fields"),
    [
        (Product, {"meta_keywords": [""], "related_products": [-1], "brand_id": 0}),
        (Product, {"map_price": {}, "warranty": 5, "videos": None}),
        (Product, {"custom_fields": [{"name": "A", "value": 5}, {"name": "A", "value": None}, {"name": 1}]}),
        (Product, {"variants": [{"id": 1, "product_id": 0, "map_price": {}, "upc": None, "option_values": None}]}),
        (Product, {"variants": [{"id": 1, "option_values": [{"label": 42, "option_display_name": "Size"}]}]}),
        (Product, {"date_created": "", "date_modified": 1536180127}),
        (Product, {"images": [{"is_thumbnail": None, "sort_order": "2", "url_standard": None}]}),
        (Store, {"logo": []}),
        (Store, {"logo": {"url": ""}}),
        (Page, {"content_type": None, "body": None, "meta_description": None}),
        (BlogPost, {"published_date": "5/18/2023 1:26:42 PM", "tags": ["a", 2023]}),
        (BlogPost, {"published_date": {"date": "2018-05-18 08:26:42.000000", "timezone_type": 1, "timezone": None}}),
        (BlogPost, {"published_date": [], "published_date_iso8601": None}),
        (Site, {"urls": [{"url": "https://a.example", "type": "primary", "created_at": "x"}]}),
    ],
)
def test_odd_but_usable_records_decode(struct: type[msgspec.Struct], fields: dict[str, object]) -> None:
    decode(struct, **fields)


@pytest.mark.parametrize(
    ("struct", "fields", "where"),
    [
        (Product, {"name": 12}, r"\$\.name"),
        (Product, {"is_visible": "false"}, r"\$\.is_visible"),
        (Product, {"categories": ["3"]}, r"\$\.categories\[0\]"),
        (Product, {"variants": [{"id": 1}, {"id": "x"}]}, r"\$\.variants\[1\]\.id"),
        (Product, {"variants": [{"id": 1, "price": {}}]}, r"\$\.variants\[0\]\.price"),
        (Category, {"parent_id": "root"}, r"\$\.parent_id"),
        (Page, {"is_customers_only": "no"}, r"\$\.is_customers_only"),
        (BlogPost, {"title": {"en": "Hello"}}, r"\$\.title"),
    ],
)
def test_a_wrong_type_where_it_matters_is_refused_with_its_place(
    struct: type[msgspec.Struct], fields: dict[str, object], where: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=where):
        decode(struct, **fields)


JSON_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
)
FIELD_NAMES = sorted({name for struct in MINIMAL for name in struct.__struct_fields__} | {"date", "timezone", "x"})
JSON_VALUES = st.recursive(
    JSON_SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELD_NAMES), inner, max_size=4),
    max_leaves=6,
)


def field_values(struct: type[msgspec.Struct]) -> st.SearchStrategy[tuple[type[msgspec.Struct], dict[str, Any]]]:
    """Objects that hold some of a struct's fields with any JSON as values, usually with what it needs."""
    fields = st.dictionaries(st.sampled_from(struct.__struct_fields__), JSON_VALUES, max_size=3)
    needed = st.sampled_from([MINIMAL[struct], MINIMAL[struct], {}])
    return st.builds(lambda base, odd: (struct, {**base, **odd}), needed, fields)


@given(st.one_of([field_values(struct) for struct in MINIMAL]))
def test_any_json_decodes_or_is_refused_as_invalid(case: tuple[type[msgspec.Struct], dict[str, Any]]) -> None:
    struct, fields = case
    try:
        record = msgspec.json.decode(json.dumps(fields), type=struct)
    except msgspec.ValidationError:
        return
    assert msgspec.json.decode(msgspec.json.encode(record), type=struct) == record


@pytest.mark.parametrize("struct", MINIMAL)
@pytest.mark.parametrize("wrong", [[], [{"id": 1}], "x", 5, None, True])
def test_what_is_no_object_is_refused_as_invalid(struct: type[msgspec.Struct], wrong: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(wrong), type=struct)
