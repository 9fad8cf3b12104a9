from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync_pipeline.connectors.bigcommerce.records import BlogPost
from sync_pipeline.operations import Filtered, Rejected
from sync_pipeline_tests.pipelines.store_search.documents.builders import body, context, item, record

OBJECT_DATE = {"date": "2018-05-18 08:26:42.000000", "timezone_type": 1, "timezone": "+00:00"}


def test_a_post_has_its_texts_and_its_date() -> None:
    post = record(
        BlogPost,
        title=" Welcome  to BigCommerce",
        url="/blog/welcome-bigcommerce/",
        body="<p>Hello &amp; welcome</p>",
        summary="<p>Hello [...]</p>",
        tags=["BigCommerce", " welcome ", "", None, "BigCommerce"],
        author="BigCommerce",
        published_date=OBJECT_DATE,
        published_date_iso8601="2018-05-18T13:26:42+0000",
    )
    assert body(post) == {
        "id": 1,
        "type": "post",
        "title": "Welcome to BigCommerce",
        "body": "Hello & welcome",
        "summary": "Hello [...]",
        "tags": ["BigCommerce", "welcome"],
        "author": "BigCommerce",
        "url": "https://shop.example.com/blog/welcome-bigcommerce/",
        "published_at": "2018-05-18T13:26:42Z",
    }


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({"published_date": OBJECT_DATE}, "2018-05-18T08:26:42Z"),
        ({"published_date": OBJECT_DATE, "published_date_iso8601": ""}, "2018-05-18T08:26:42Z"),
        ({"published_date": "Fri, 18 May 2018 08:26:42 +0000"}, "2018-05-18T08:26:42Z"),
        ({"published_date": [], "published_date_iso8601": "soon"}, None),
        ({}, None),
    ],
)
def test_the_iso_date_is_believed_first_then_the_other_then_none(dates: dict[str, Any], expected: str | None) -> None:
    assert body(record(BlogPost, **dates)).get("published_at") == expected


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"is_published": False}, "draft"),
        ({"is_published": False, "title": "", "published_date_iso8601": "2099-01-01T00:00:00Z"}, "draft"),
        ({"published_date_iso8601": "2026-03-04T05:06:08Z"}, "future"),
        ({"published_date": {"date": "2026-03-04 05:06:08", "timezone": "-01:00"}, "title": None}, "future"),
    ],
)
def test_drafts_and_posts_of_the_future_are_filtered_before_they_are_judged(
    fields: dict[str, Any], reason: str
) -> None:
    assert item(record(BlogPost, **fields)) == Filtered("post-1", reason)


def test_a_post_is_public_from_its_very_moment_on() -> None:
    post = record(BlogPost, published_date_iso8601="2026-03-04T06:06:07+01:00")
    moment = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert body(post, context(now=moment))["published_at"] == "2026-03-04T05:06:07Z"
    assert item(post, context(now=moment - timedelta(seconds=1))) == Filtered("post-1", "future")


def test_a_post_without_a_title_is_rejected_in_words_that_help() -> None:
    outcome = item(record(BlogPost, title=" "))
    assert isinstance(outcome, Rejected)
    assert (outcome.key, outcome.reason, outcome.version) == ("post-1", "no_title", 7)
    assert outcome.message == "blog post 1 has no title; give it one in BigCommerce"
