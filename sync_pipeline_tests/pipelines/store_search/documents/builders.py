"""Records and contexts for the tests of documents, and a strategy that draws any decodable record of a struct."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from sync_pipeline.connectors.bigcommerce.records import BlogPost, Category, Page, Product
from sync_pipeline.operations import Operation
from sync_pipeline.pipelines.store_search.documents.blog_posts import blog_post_item
from sync_pipeline.pipelines.store_search.documents.categories import category_item
from sync_pipeline.pipelines.store_search.documents.category_paths import build_category_paths
from sync_pipeline.pipelines.store_search.documents.context import StoreContext
from sync_pipeline.pipelines.store_search.documents.pages import page_item
from sync_pipeline.pipelines.store_search.documents.products import product_item

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync_pipeline.operations import Item

S = TypeVar("S", bound=msgspec.Struct)

NOW = datetime(2026, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)
BASE_URL = "https://shop.example.com"
NEEDED: dict[type[msgspec.Struct], dict[str, Any]] = {
    Product: {"id": 12, "is_visible": True, "name": "Jar"},
    Category: {"category_id": 3, "is_visible": True, "name": "Bath"},
    Page: {"id": 2, "is_visible": True, "name": "About", "type": "page"},
    BlogPost: {"id": 1, "is_published": True, "title": "Hello"},
}
ITEM_OF: dict[type[msgspec.Struct], Callable[..., Item]] = {
    Product: product_item,
    Category: category_item,
    Page: page_item,
    BlogPost: blog_post_item,
}


def record(struct: type[S], **fields: object) -> S:
    """A record as it decodes from JSON, with what it needs unless ``fields`` say otherwise."""
    return msgspec.json.decode(json.dumps({**NEEDED.get(struct, {}), **fields}), type=struct)


def category(category_id: int, parent_id: int | None = 0, *, name: str | None = None, visible: bool = True) -> Category:
    """A category; its name is its id unless given."""
    name = str(category_id) if name is None else name
    return Category(category_id=category_id, is_visible=visible, parent_id=parent_id, name=name)


def context(*categories: Category, **facts: Any) -> StoreContext:
    """A store with these categories."""
    known = {"base_url": BASE_URL, "now": NOW, "currency": "EUR", **facts}
    return StoreContext(categories=build_category_paths(categories), **known)


def item(source: msgspec.Struct, store: StoreContext | None = None, **sync: Any) -> Item:
    """What becomes of a record."""
    stamp = {"version": 7, "batch_id": "b-1", "synced_at": NOW, **sync}
    return ITEM_OF[type(source)](source, context=store or context(), **stamp)


def body(source: msgspec.Struct, store: StoreContext | None = None) -> dict[str, Any]:
    """The content of a record's document, which must be written."""
    outcome = item(source, store)
    assert isinstance(outcome, Operation), outcome
    assert outcome.body is not None
    document = json.loads(outcome.body)
    del document["sync"]
    return document


ODD_TEXTS = ["", " ", "<p>a</p><script>x</script>b", "<", "&amp;", "America", "+14:00", "9999-12-31T23:59:59-10:00"]
WORDS = [
    "none",
    "product",
    "variant",
    "disabled",
    "preorder",
    "page",
    "raw",
    "link",
    "blog",
    "2018-05-18T13:26:42+0000",
]
TEXTS = st.text(max_size=12) | st.sampled_from(ODD_TEXTS) | st.sampled_from(WORDS)
LOOSE = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["date", "timezone"]), inner),
    max_leaves=4,
)


def decodable(struct: type[S]) -> st.SearchStrategy[S]:
    """Every record of ``struct`` that JSON can decode to, from the types of its fields."""
    return _values(inspect.type_info(struct)).map(lambda raw: msgspec.convert(raw, struct))


def _values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.UnionType(types=types):
            values = st.one_of([_values(one) for one in types])
        case inspect.ListType(item_type=item_type):
            values = st.lists(_values(item_type), max_size=3)
        case inspect.StructType(fields=fields):
            needed = {one.encode_name: _values(one.type) for one in fields if one.required}
            optional = {one.encode_name: _values(one.type) for one in fields if not one.required}
            values = st.fixed_dictionaries(needed, optional=optional)
        case inspect.IntType(ge=least, le=most):
            # A small range meets itself: parents, brands, categories and own variants.
            values = st.integers(max(-2 if least is None else least, -2), 6) | st.integers(least, most)
        case inspect.StrType(pattern=pattern):
            values = TEXTS if pattern is None else st.from_regex(pattern)
        case inspect.FloatType():
            values = st.floats(allow_nan=False, allow_infinity=False)
        case inspect.BoolType():
            values = st.booleans()
        case inspect.NoneType():
            values = st.none()
        case inspect.AnyType():
            values = LOOSE
        case _:
            raise NotImplementedError(kind)
    return values
