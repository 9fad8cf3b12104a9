"""After any edits at the shop, an incremental batch leaves the index as a full rebuild would make it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipeline_tests.pipelines.store_search.conftest import Shop

WORDS = st.sampled_from(["Anchor", "Lantern", "Sofa", "Kettle", "Harbour & Pine", "Ärmel"])
EDITS = {
    "products": st.fixed_dictionaries(
        {},
        optional={
            "name": WORDS,
            "price": st.sampled_from([0, 5, 19.9]),
            "is_visible": st.booleans(),
            "categories": st.lists(st.integers(0, 40), max_size=3),
            "brand_id": st.integers(0, 8),
            "description": st.sampled_from(["", "<p>New &amp; improved</p>"]),
        },
    ),
    "categories": st.fixed_dictionaries(
        {}, optional={"name": WORDS, "is_visible": st.booleans(), "parent_id": st.integers(0, 34)}
    ),
    "brands": st.fixed_dictionaries({}, optional={"name": WORDS}),
    "pages": st.fixed_dictionaries({}, optional={"name": WORDS, "is_visible": st.booleans()}),
    "posts": st.fixed_dictionaries({}, optional={"title": WORDS, "is_published": st.booleans()}),
}
NAMES = {"products": "name", "categories": "name", "brands": "name", "pages": "name", "posts": "title"}


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, str, int, dict[str, Any]]:
    kind = draw(st.sampled_from(sorted(EDITS)))
    verb = draw(st.sampled_from(["update", "update", "update", "create", "delete"]))
    return verb, kind, draw(st.integers(0, 60)), draw(EDITS[kind])


def apply(shop: Shop, verb: str, kind: Any, which: int, body: dict[str, Any]) -> None:
    """One edit at the shop; ``which`` picks a record of those there are. References become ids that may exist."""
    ids = shop.ids(kind)
    body = dict(body)
    categories, brands = shop.ids("categories"), shop.ids("brands")
    if "categories" in body:
        body["categories"] = sorted({categories[number % len(categories)] for number in body["categories"]})
    if "brand_id" in body:
        body["brand_id"] = ([0, *brands] * 2)[body["brand_id"] % (len(brands) + 1)]
    if "parent_id" in body:
        body["parent_id"] = ([0, *categories])[body["parent_id"] % (len(categories) + 1)]
    admin = shop.sandbox.admin
    if verb == "create":
        admin.create(shop.hash, kind, {NAMES[kind]: f"New {which}", **body})
    elif verb == "delete" and len(ids) > 5:
        admin.delete(shop.hash, kind, ids[which % len(ids)])
    elif body:
        admin.update(shop.hash, kind, ids[which % len(ids)], body)


@pytest.mark.real_elasticsearch
@pytest.mark.invariant(2)
def test_an_incremental_batch_leaves_what_a_full_rebuild_would_make(shop: Shop):
    shop.run_plain(mode="full")

    @given(st.lists(edits(), min_size=1, max_size=12))
    @settings(
        max_examples=15,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    def check(changes: list[tuple[str, str, int, dict[str, Any]]]) -> None:
        for change in changes:
            apply(shop, *change)
        batch = shop.run_plain(mode="incremental", confirm_deletes=True)
        assert {batch.counts[part]["mode"] for part in ("products", "categories", "blog_posts")} == {"incremental"}
        found = shop.documents()
        shop.run_plain(mode="full", confirm_deletes=True)
        assert found == shop.documents()

    check()
