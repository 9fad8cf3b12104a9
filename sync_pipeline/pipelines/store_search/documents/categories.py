"""A category as its search document.

What belongs here: which field comes from where, and which categories are not indexed. What does not: the tree
(category_paths.py). Products and categories share the rule of visible paths, pages do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from sync_pipeline.operations import Filtered
from sync_pipeline.pipelines.store_search.documents.category_paths import Unplaced
from sync_pipeline.pipelines.store_search.documents.rendering import rejected, upsert
from sync_pipeline.pipelines.store_search.documents.text import html_to_text, one_line
from sync_pipeline.pipelines.store_search.documents.urls import absolute_url

if TYPE_CHECKING:
    from datetime import datetime

    from sync_pipeline.connectors.bigcommerce.records import Category
    from sync_pipeline.operations import Item
    from sync_pipeline.pipelines.store_search.documents.context import StoreContext


class CategoryDocument(
    Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True, tag_field="type", tag="category"
):
    """What the index holds of a category. ``path`` is its full path; ``parent_id`` 0 is a root."""

    id: int
    name: str
    path: str
    description: str | None = None
    url: str | None = None
    parent_id: int
    is_visible: bool


def category_item(
    record: Category, *, context: StoreContext, version: int, batch_id: str | int, synced_at: datetime
) -> Item:
    """Returns the write of one category, or why it is not indexed.

    Filtered: ``hidden``, ``hidden_ancestor``. Rejected: ``category_cycle``, ``no_name``, ``too_large``.
    """
    key = f"category-{record.category_id}"
    place = context.categories.place(record)
    name = one_line(record.name)
    if place is Unplaced.HIDDEN or place is Unplaced.HIDDEN_ANCESTOR:
        return Filtered(key, place.value)
    if place is Unplaced.LOOP:
        label = f"category {record.category_id}" + (f" ({name})" if name else "")
        message = f"{label} lies in a loop of parent categories; give one of them another parent in BigCommerce"
        return rejected(key, place.value, message, record=record, version=version)
    if name is None:
        message = f"category {record.category_id} has no name; give it one in BigCommerce"
        return rejected(key, "no_name", message, record=record, version=version)
    document = CategoryDocument(
        id=record.category_id,
        name=name,
        path=place.text,
        description=html_to_text(record.description),
        url=absolute_url(context.base_url, record.url.path if record.url else None),
        parent_id=record.parent_id or 0,
        is_visible=record.is_visible,
    )
    return upsert(key, document, record=record, version=version, batch_id=batch_id, synced_at=synced_at)
