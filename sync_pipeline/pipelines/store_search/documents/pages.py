"""A web page as its search document.

What belongs here: which field comes from where, and which pages are not indexed. A page's ``path`` is its name alone:
other pages' names are no part of it, so that one page can be fetched and rendered without the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from sync_pipeline.operations import Filtered
from sync_pipeline.pipelines.store_search.documents.rendering import rejected, upsert
from sync_pipeline.pipelines.store_search.documents.text import html_to_text, one_line
from sync_pipeline.pipelines.store_search.documents.urls import absolute_url

if TYPE_CHECKING:
    from datetime import datetime

    from sync_pipeline.connectors.bigcommerce.records import Page
    from sync_pipeline.operations import Item
    from sync_pipeline.pipelines.store_search.documents.context import StoreContext

#: Page types that hold content of the shop's own. ``link`` leads elsewhere, ``blog`` has only a list of posts.
_WITH_CONTENT = {"page", "raw", "contact_form"}


class PageDocument(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True, tag_field="type", tag="page"):
    """What the index holds of a web page. ``description`` is the merchant's meta description; 0 is no parent."""

    id: int
    name: str
    path: str
    description: str | None = None
    url: str | None = None
    parent_id: int
    is_visible: bool
    body: str | None = None


def page_item(record: Page, *, context: StoreContext, version: int, batch_id: str | int, synced_at: datetime) -> Item:
    """Returns the write of one web page, or why it is not indexed.

    Filtered: ``hidden``, ``customers_only``, ``link_page``, ``blog_page``, ``unknown_page_type``. Rejected:
    ``no_name``, ``too_large``.
    """
    key = f"page-{record.id}"
    if (reason := _not_public(record)) is not None:
        return Filtered(key, reason)
    name = one_line(record.name)
    if name is None:
        message = f"web page {record.id} has no name; give it one in BigCommerce"
        return rejected(key, "no_name", message, record=record, version=version)
    document = PageDocument(
        id=record.id,
        name=name,
        path=name,
        description=html_to_text(record.meta_description),
        url=absolute_url(context.base_url, record.url),
        parent_id=record.parent_id or 0,
        is_visible=record.is_visible,
        body=html_to_text(record.body),
    )
    return upsert(key, document, record=record, version=version, batch_id=batch_id, synced_at=synced_at)


def _not_public(record: Page) -> str | None:
    if not record.is_visible:
        return "hidden"
    if record.is_customers_only:
        return "customers_only"
    if record.type in _WITH_CONTENT:
        return None
    return f"{record.type}_page" if record.type in {"link", "blog"} else "unknown_page_type"
