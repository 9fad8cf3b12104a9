"""Web pages (`/v3/content/pages`) and blog posts (`/v2/blog/posts…`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.sandboxes.bigcommerce.answers import Answer
from sync_pipeline.sandboxes.bigcommerce.calls import PAGING, Call, page_of, v2_page_of
from sync_pipeline.sandboxes.bigcommerce.query import invalid, parse_instant

if TYPE_CHECKING:
    from sync_pipeline.sandboxes.bigcommerce.shapes import Record

BODY_FIELDS = ("body", "content_type")


def pages(call: Call) -> Answer:
    """Answers `GET /v3/content/pages`: bodies only with `include=body`; `name:like` looks into name and body."""
    query = call.query
    query.allow((*PAGING, "channel_id", "id:in", "name", "name:like", "include"))
    include = query.words("include") or []
    if set(include) - {"body"}:
        raise invalid("include", "must be body")
    found = call.cut(call.store.catalog.pages.all())
    ids = query.numbers("id:in")
    if ids is not None:
        found = [page for page in found if page["id"] in ids]
    if "channel_id" in query.values:
        channel = query.number("channel_id")
        found = [page for page in found if page["channel_id"] == channel]
    if "name" in query.values:
        found = [page for page in found if page["name"] == query.values["name"]]
    if "name:like" in query.values:
        part = query.values["name:like"].lower()
        found = [page for page in found if part in page["name"].lower() or part in (page.get("body") or "").lower()]
    return page_of(call, found, None if include else _without_body)


def _without_body(page: Record) -> Record:
    return {name: value for name, value in page.items() if name not in BODY_FIELDS}


def posts(call: Call) -> Answer:
    """Answers `GET /v2/blog/posts`: newest first, drafts and posts of the future too."""
    query = call.query
    found = sorted(call.cut(call.store.catalog.posts.all()), key=_newest_first)
    published = query.flag("is_published")
    if published is not None:
        found = [post for post in found if post["is_published"] == published]
    if "url" in query.values:
        found = [post for post in found if post["url"] == query.values["url"]]
    if "tag" in query.values:
        found = [post for post in found if query.values["tag"] in post["tags"]]
    return v2_page_of(call, found, ("posts", "post"))


def _newest_first(post: Record) -> tuple[float, int]:
    return -parse_instant(post["published_date_iso8601"], 0.0), -post["id"]


def post(call: Call) -> Answer:
    """Answers `GET /v2/blog/posts/{id}`."""
    return Answer(200, call.store.catalog.posts.get(call.numbers["id"]), xml_names=("post", "item"))


def post_count(call: Call) -> Answer:
    """Answers `GET /v2/blog/posts/count`."""
    return Answer(200, {"count": len(call.cut(call.store.catalog.posts.all()))}, xml_names=("count", "item"))
