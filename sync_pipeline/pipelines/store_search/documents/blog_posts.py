"""A blog post as its search document.

What belongs here: which field comes from where, and which posts are not indexed. BigCommerce spells the two dates of a
post in four ways and they may differ by a time zone; the ISO one is believed first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from sync_pipeline.operations import Filtered
from sync_pipeline.pipelines.store_search.documents.dates import iso_utc, parse_date
from sync_pipeline.pipelines.store_search.documents.rendering import rejected, upsert
from sync_pipeline.pipelines.store_search.documents.text import html_to_text, one_line, scalar_text
from sync_pipeline.pipelines.store_search.documents.urls import absolute_url

if TYPE_CHECKING:
    from datetime import datetime

    from sync_pipeline.connectors.bigcommerce.records import BlogPost
    from sync_pipeline.operations import Item
    from sync_pipeline.pipelines.store_search.documents.context import StoreContext


class BlogPostDocument(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True, tag_field="type", tag="post"):
    """What the index holds of a blog post; ``published_at`` is ISO 8601 in UTC."""

    id: int
    title: str
    body: str | None = None
    summary: str | None = None
    tags: list[str]
    author: str | None = None
    url: str | None = None
    published_at: str | None = None


def blog_post_item(
    record: BlogPost, *, context: StoreContext, version: int, batch_id: str | int, synced_at: datetime
) -> Item:
    """Returns the write of one post, or why it is not indexed. A post without a readable date is not one of the future.

    Filtered: ``draft``, ``future``. Rejected: ``no_title``, ``too_large``.
    """
    key = f"post-{record.id}"
    if not record.is_published:
        return Filtered(key, "draft")
    published = parse_date(record.published_date_iso8601) or parse_date(record.published_date)
    if published is not None and published > context.now:
        return Filtered(key, "future")
    title = one_line(record.title)
    if title is None:
        message = f"blog post {record.id} has no title; give it one in BigCommerce"
        return rejected(key, "no_title", message, record=record, version=version)
    tags = (scalar_text(tag) for tag in record.tags or ())
    document = BlogPostDocument(
        id=record.id,
        title=title,
        body=html_to_text(record.body),
        summary=html_to_text(record.summary),
        tags=list(dict.fromkeys(tag for tag in tags if tag)),
        author=one_line(record.author),
        url=absolute_url(context.base_url, record.url),
        published_at=None if published is None else iso_utc(published),
    )
    return upsert(key, document, record=record, version=version, batch_id=batch_id, synced_at=synced_at)
