from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.connectors.bigcommerce.records import Category
from sync_pipeline.operations import Filtered, Rejected
from sync_pipeline_tests.pipelines.store_search.documents.builders import body, category, context, item, record


def test_a_category_has_its_full_path_and_address() -> None:
    bath = record(
        Category,
        category_id=12,
        parent_id=2,
        name=" Bath ",
        description="<p>Soap</p>&amp;",
        url={"path": "/home/bath/"},
    )
    assert body(bath, context(category(2, name="Home"), bath)) == {
        "id": 12,
        "type": "category",
        "name": "Bath",
        "path": "Home > Bath",
        "description": "Soap &",
        "url": "https://shop.example.com/home/bath/",
        "parent_id": 2,
        "is_visible": True,
    }


def test_a_bare_root_category_says_only_what_is_known() -> None:
    assert body(record(Category)) == {
        "id": 3,
        "type": "category",
        "name": "Bath",
        "path": "Bath",
        "parent_id": 0,
        "is_visible": True,
    }


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"is_visible": False}, "hidden"),
        ({"is_visible": False, "name": ""}, "hidden"),
        ({"is_visible": False, "parent_id": 3}, "hidden"),
        ({"parent_id": 1}, "hidden_ancestor"),
        ({"parent_id": 2, "name": ""}, "hidden_ancestor"),
    ],
)
def test_hidden_ones_are_filtered_before_they_are_judged(fields: dict[str, Any], reason: str) -> None:
    store = context(category(1, visible=False), category(2, 1))
    assert item(record(Category, **fields), store) == Filtered("category-3", reason)


@pytest.mark.parametrize(
    ("fields", "reason", "message"),
    [
        ({"name": " "}, "no_name", "category 3 has no name; give it one in BigCommerce"),
        ({"parent_id": 3}, "category_cycle", "category 3 (Bath) lies in a loop of parent categories; give one of them"),
        ({"parent_id": 8, "name": None}, "category_cycle", "category 3 lies in a loop of parent categories; give one"),
    ],
)
def test_unusable_ones_are_rejected_in_words_that_help(fields: dict[str, Any], reason: str, message: str) -> None:
    outcome = item(record(Category, **fields), context(category(8, 9), category(9, 8)))
    assert isinstance(outcome, Rejected)
    assert (outcome.key, outcome.reason, outcome.version) == ("category-3", reason, 7)
    assert outcome.message.startswith(message)


def test_every_category_of_a_loop_is_rejected() -> None:
    loop = [category(1, 3), category(2, 1), category(3, 2)]
    assert [getattr(item(one, context(*loop)), "reason", None) for one in loop] == ["category_cycle"] * 3
