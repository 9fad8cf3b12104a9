from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.sandboxes.bigcommerce.edits import Edits
from sync_pipeline.sandboxes.bigcommerce.errors import ApiError
from sync_pipeline.sandboxes.bigcommerce.generated_content import generated_catalog
from sync_pipeline.sandboxes.bigcommerce.product_listing import ProductListing
from sync_pipeline.sandboxes.bigcommerce.query import Query
from sync_pipeline.sandboxes.kit.clock import Clock, iso
from sync_pipeline_tests.sandboxes.bigcommerce.conftest import Shop

PATH = "/v3/catalog/products"


def now_of(shop: Shop) -> str:
    return iso(shop.data("/v2/time")["time"])


def test_an_edited_product_is_changed_everywhere_and_newly_dated(small: Shop) -> None:
    small.admin.advance_clock(60)
    before = small.data(f"{PATH}/42")
    small.admin.update("small", "products", 42, {"name": "Renamed", "price": 12.5, "sale_price": 0})
    after = small.data(f"{PATH}/42")
    changed = {name for name in after if after[name] != before[name]}
    assert {"name", "date_modified"} <= changed <= {"name", "price", "sale_price", "calculated_price", "date_modified"}
    assert (after["calculated_price"], after["date_modified"]) == (12.5, now_of(small))
    assert after == small.data(PATH, id__in=42)[0] == small.data(PATH, name="Renamed")[0]
    assert [p["id"] for p in small.data(PATH, date_modified__min=after["date_modified"])] == [42]


def test_a_deleted_product_leaves_no_trace(small: Shop) -> None:
    variants = small.total("/v3/catalog/variants")
    gone = len(small.data(f"{PATH}/42/variants"))
    small.admin.delete("small", "products", 42)
    assert small.get(f"{PATH}/42").status_code == 404
    assert small.total(PATH) == 599
    assert small.data(PATH, id__in=42) == []
    assert small.total("/v3/catalog/variants") == variants - gone
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        small.admin.delete("small", "products", 42)


def test_a_new_product_is_listed_last_and_its_number_is_never_used_again(small: Shop) -> None:
    made = small.admin.create("small", "products", {"name": "New & shiny", "price": 5, "sku": "N-1"})
    assert made["id"] == 601
    seen = small.data(PATH, id__greater=600, include="variants,channels,images,custom_fields")
    assert [p["id"] for p in seen] == [601]
    [variant] = seen[0]["variants"]
    assert (variant["sku"], variant["calculated_price"], variant["option_values"]) == ("N-1", 5, [])
    assert seen[0]["base_variant_id"] == variant["id"]
    assert (seen[0]["channels"], seen[0]["custom_url"]["url"]) == ([1], "/new-shiny/")
    assert seen[0]["date_created"] == seen[0]["date_modified"] == now_of(small)
    small.admin.delete("small", "products", 601)
    assert small.admin.create("small", "products", {"name": "Next"})["id"] == 602


def test_variant_edits_do_not_touch_the_product_date(demo: Shop) -> None:
    demo.admin.advance_clock(60)
    before = demo.data(f"{PATH}/101", include="variants")
    first, *others = before["variants"]
    demo.admin.update_variant("demo", 101, first["id"], {"price": 999, "inventory_level": 0})
    added = demo.admin.create_variant("demo", 101, {"sku": "HP-101-X"})
    demo.admin.delete_variant("demo", 101, others[0]["id"])
    after = demo.data(f"{PATH}/101", include="variants")
    assert after["date_modified"] == before["date_modified"]
    assert [v["id"] for v in after["variants"]] == [first["id"], *[v["id"] for v in others[1:]], added["id"]]
    assert after["variants"][0]["calculated_price"] == 999
    assert demo.get(f"{PATH}/101/variants").json()["data"] == after["variants"]


def test_a_product_price_reaches_the_variants_that_inherit_it(demo: Shop) -> None:
    [phone] = demo.data(PATH, name="Kittiwake K5 Smartphone", include="variants")
    own = {v["id"]: v["price"] for v in phone["variants"]}
    demo.admin.update("demo", "products", phone["id"], {"price": 500})
    demo.admin.update_variant("demo", phone["id"], phone["variants"][0]["id"], {"price": None})
    [phone] = demo.data(PATH, name="Kittiwake K5 Smartphone", include="variants")
    assert [v["calculated_price"] for v in phone["variants"]] == [500, *list(own.values())[1:]]


def test_deleting_a_category_takes_its_children_and_leaves_products_undated(demo: Shop) -> None:
    [phones] = demo.data("/v3/catalog/trees/categories", name="Phones")
    below = {c["category_id"] for c in demo.data("/v3/catalog/trees/categories", parent_id__in=phones["category_id"])}
    gone = {phones["category_id"], *below}
    before = {p["id"]: p for p in demo.data(PATH, limit=250)}
    demo.admin.delete("demo", "categories", phones["category_id"])
    assert not gone & {c["category_id"] for c in demo.data("/v3/catalog/trees/categories", limit=250)}
    for product in demo.data(PATH, limit=250):
        old = before[product["id"]]
        assert product == {**old, "categories": [c for c in old["categories"] if c not in gone]}


def test_deleting_a_brand_leaves_products_without_one(demo: Shop) -> None:
    brand = demo.data(f"{PATH}/101")["brand_id"]
    demo.admin.delete("demo", "brands", brand)
    assert demo.data(f"{PATH}/101")["brand_id"] == 0
    assert demo.total(PATH, brand_id=brand) == 0


@pytest.mark.parametrize(
    ("kind", "path", "key", "body"),
    [
        ("categories", "/v3/catalog/trees/categories", "category_id", {"name": "Toys", "parent_id": 11}),
        ("brands", "/v3/catalog/brands", "id", {"name": "Toymaker"}),
        ("pages", "/v3/content/pages", "id", {"name": "Imprint", "body": "<p>x</p>"}),
        ("posts", "/v2/blog/posts", "id", {"title": "News", "published_date_iso8601": "2026-01-01T00:00:00+0000"}),
    ],
)
def test_small_records_are_created_changed_and_deleted(
    demo: Shop, kind: Any, path: str, key: str, body: dict[str, Any]
) -> None:
    made = demo.admin.create("demo", kind, body)
    params = {"include": "body"} if kind == "pages" else {}
    listed = {record[key]: record for record in demo.data(path, limit=250, **params)}
    assert listed[made[key]] == made
    assert body.items() <= made.items()
    changed = demo.admin.update("demo", kind, made[key], {"meta_description": "changed"})
    assert changed == {**made, "meta_description": "changed"}
    demo.admin.delete("demo", kind, made[key])
    assert made[key] not in {record[key] for record in demo.data(path, limit=250)}
    assert demo.admin.create("demo", kind, body)[key] == made[key] + 1


def test_a_new_date_of_a_post_changes_both_spellings(demo: Shop) -> None:
    demo.admin.update("demo", "posts", 1, {"published_date_iso8601": "2026-01-05T10:00:00+0200"})
    post = demo.data("/v2/blog/posts/1")
    assert post["published_date_iso8601"] == "2026-01-05T08:00:00+0000"
    assert post["published_date"]["date"] == "2026-01-05 08:00:00.000000"


EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.just(0)),
        st.tuples(st.just("rename"), st.integers(1, 45)),
        st.tuples(st.just("hide"), st.integers(1, 45)),
        st.tuples(st.just("delete"), st.integers(1, 45)),
    ),
    max_size=25,
)


@given(edits=EDITS, limit=st.integers(1, 17))
@settings(max_examples=60, deadline=None)
def test_any_edits_show_in_every_way_of_listing(edits: list[tuple[str, int]], limit: int) -> None:
    catalog = generated_catalog("h", seed=2, products=40)
    products, listing = catalog.products, ProductListing(catalog.products)
    model = {number: products.whole(number) for number in products.ids}
    changes = Edits(catalog, Clock(lambda: 2e9))

    def selected(query: str) -> list[int]:
        return list(listing.select(Query(query), now=0, brand_names={}))

    for action, number in edits:
        selected("is_visible=false")
        if action == "create":
            made = changes.create("products", {"name": "New", "is_visible": False})
            model[made["id"]] = made
        elif number not in model:
            with pytest.raises(ApiError):
                changes.delete("products", number)
        elif action == "delete":
            changes.delete("products", number)
            del model[number]
        else:
            body = {"name": "Other"} if action == "rename" else {"is_visible": False}
            model[number] = changes.update("products", number, body)
    numbers = sorted(model)
    assert selected("") == numbers
    assert selected("direction=desc") == numbers[::-1]
    assert selected("is_visible=false") == [n for n in numbers if not model[n]["is_visible"]]
    assert selected("date_modified:min=2030-01-01T00:00:00Z") == [
        n for n in numbers if "2033" in model[n]["date_modified"]
    ]
    assert selected("sort=name") == sorted(numbers, key=lambda n: (model[n]["name"], n))
    walked: list[int] = []
    while page := selected(f"id:greater={walked[-1] if walked else 0}")[:limit]:
        walked += page
    assert walked == numbers
    assert products.variant_ends()[-1:].tolist() == ([sum(len(p["variants"]) for p in model.values())] if model else [])
