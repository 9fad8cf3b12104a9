"""What holds for every record that decodes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.connectors.bigcommerce.records import BlogPost, Category, Page, Product
from sync_pipeline.operations import Filtered, Operation, Rejected
from sync_pipeline_tests.pipelines.store_search.documents.builders import ITEM_OF, context, decodable, item

if TYPE_CHECKING:
    import msgspec

PRODUCT_FIELDS = """
    id type name sku description brand categories category_ids price sale_price calculated_price price_min price_max
    currency availability in_stock inventory_level is_visible is_featured condition url image_url custom_fields options
    variants rating_average review_count total_sold search_keywords channels date_created date_modified sync
"""
CATEGORY_FIELDS = "id type name path description url parent_id is_visible body sync"
POST_FIELDS = "id type title body summary tags author url published_at sync"
FIELDS = {
    "product": set(PRODUCT_FIELDS.split()),
    "category": set(CATEGORY_FIELDS.split()),
    "page": set(CATEGORY_FIELDS.split()),
    "post": set(POST_FIELDS.split()),
}
KINDS = {Product: "product", Category: "category", Page: "page", BlogPost: "post"}
STORES = st.builds(
    lambda categories, brands: context(*categories, brands=brands),
    st.lists(decodable(Category), max_size=6),
    st.dictionaries(st.integers(0, 6), st.text(max_size=5), max_size=3),
)


@given(st.one_of([decodable(struct) for struct in ITEM_OF]), STORES)
def test_every_decodable_record_becomes_an_item_and_never_an_exception(source: msgspec.Struct, store: object) -> None:
    kind = KINDS[type(source)]
    number = source.category_id if isinstance(source, Category) else source.id  # pyright: ignore[reportAttributeAccessIssue]
    outcome = item(source, store)  # pyright: ignore[reportArgumentType]
    assert isinstance(outcome, Operation | Filtered | Rejected)
    assert outcome.key == f"{kind}-{number}"
    assert item(source, store) == outcome  # pyright: ignore[reportArgumentType]
    if isinstance(outcome, Rejected):
        assert "\n" not in outcome.message
        assert json.loads(outcome.payload)
    if isinstance(outcome, Operation):
        document = json.loads(outcome.body or b"", parse_constant=pytest.fail)
        assert document.keys() <= FIELDS[kind]
        assert (document["type"], document["id"]) == (kind, number)
        assert None not in document.values()


@given(decodable(Product))
def test_the_prices_of_a_document_are_in_order(product: Product) -> None:
    outcome = item(product)
    if not isinstance(outcome, Operation):
        return
    document = json.loads(outcome.body or b"")
    amounts = [document[name] for name in ("price", "sale_price", "calculated_price") if name in document]
    offers = [one["price"] for one in document["variants"] if "price" in one]
    assert all(one > 0 for one in (*amounts, *offers))
    assert ("price_min" in document) == ("price_max" in document)
    if "price_min" in document:
        assert document["price_min"] <= document["price_max"]
        assert {document["price_min"], document["price_max"]} <= {*amounts, *offers}
    assert "price_min" in document or not amounts
