from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.connectors.bigcommerce.records import Page
from sync_pipeline.operations import Filtered, Operation, Rejected
from sync_pipeline_tests.pipelines.store_search.documents.builders import body, item, record


def test_a_page_has_its_text_and_address() -> None:
    page = record(
        Page,
        name=" Size  Guide ",
        parent_id=1,
        url="/size-guide/",
        meta_description="How to &amp; why",
        body="<h1>Size guide</h1><style>.x{}</style><p>Measure.</p><script>track()</script>",
    )
    assert body(page) == {
        "id": 2,
        "type": "page",
        "name": "Size Guide",
        "path": "Size Guide",
        "description": "How to & why",
        "url": "https://shop.example.com/size-guide/",
        "parent_id": 1,
        "is_visible": True,
        "body": "Size guide Measure.",
    }


def test_a_bare_page_says_only_what_is_known() -> None:
    expected = {"id": 2, "type": "page", "name": "About", "path": "About", "parent_id": 0, "is_visible": True}
    assert body(record(Page)) == expected


@pytest.mark.parametrize("kind", ["page", "raw", "contact_form"])
def test_pages_with_content_are_indexed(kind: str) -> None:
    assert isinstance(item(record(Page, type=kind, is_customers_only=None)), Operation)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"is_visible": False}, "hidden"),
        ({"is_visible": False, "is_customers_only": True, "name": ""}, "hidden"),
        ({"is_customers_only": True}, "customers_only"),
        ({"is_customers_only": True, "name": ""}, "customers_only"),
        ({"type": "link", "url": "https://else.example.com"}, "link_page"),
        ({"type": "blog"}, "blog_page"),
        ({"type": "feed"}, "unknown_page_type"),
        ({"type": None}, "unknown_page_type"),
    ],
)
def test_what_is_not_public_content_is_filtered(fields: dict[str, Any], reason: str) -> None:
    assert item(record(Page, **fields)) == Filtered("page-2", reason)


def test_a_page_without_a_name_is_rejected_in_words_that_help() -> None:
    outcome = item(record(Page, name=None))
    assert isinstance(outcome, Rejected)
    assert (outcome.key, outcome.reason) == ("page-2", "no_name")
    assert outcome.message == "web page 2 has no name; give it one in BigCommerce"
