"""Saved queries: how they are kept, and how what they find is reckoned."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.secrets import new_key_entry, parse_keys
from sync_pipeline.pipelines.store_search.search.quality import Expectation, measure
from sync_pipeline.pipelines.store_search.stores.saved_queries import SavedQueries, UnknownSavedQueryError
from sync_pipeline.pipelines.store_search.stores.stores import Stores, UnknownStoreError


@pytest.fixture
def stores(ledger: Ledger) -> Stores:
    stores = Stores(ledger, parse_keys(new_key_entry("test")))
    for store_hash in ("one", "two"):
        stores.save(store_hash, name=store_hash, token="t")
    return stores


def test_queries_are_kept_for_their_store_and_replaced_by_their_words(stores: Stores) -> None:
    one, two = SavedQueries(stores, "one"), SavedQueries(stores, "two")
    one.add("sofa", expected=["product-1", "product-1", "product-2"], top=5)
    one.add("lamp", expected=["page-1"], top=1)
    two.add("sofa", expected=["product-9"], top=3)
    one.add("sofa", expected=["product-3"], top=7)
    assert [(row.query, row.expected, row.top) for row in one.list()] == [
        ("lamp", ["page-1"], 1),
        ("sofa", ["product-3"], 7),
    ]
    one.remove("sofa")
    assert [row.query for row in one.list()] == ["lamp"]
    assert [row.query for row in two.list()] == ["sofa"]
    with pytest.raises(UnknownSavedQueryError, match="no saved query 'sofa'"):
        one.remove("sofa")


def test_queries_need_a_store_and_go_with_it(stores: Stores) -> None:
    nobody = SavedQueries(stores, "nobody")
    for act in (nobody.list, lambda: nobody.add("a", expected=["page-1"], top=1), lambda: nobody.remove("a")):
        with pytest.raises(UnknownStoreError):
            act()
    SavedQueries(stores, "one").add("sofa", expected=["product-1"], top=5)
    stores.remove("one")
    stores.save("one", name="one", token="t")
    assert SavedQueries(stores, "one").list() == []


async def test_a_query_succeeds_with_everything_that_was_expected() -> None:
    hits = {"sofa": ["a", "b", "c", "d"], "lamp": ["x", "b"], "void": []}

    async def ask(query: str, top: int) -> list[str]:
        return hits[query][: top + 5]  # a service that answers more than was asked

    quality = await measure(
        ask,
        [
            Expectation("sofa", ["c", "a"], 3),
            Expectation("sofa", ["c", "d"], 3),
            Expectation("lamp", ["b"], 2),
            Expectation("void", ["a"], 9),
        ],
    )
    assert [result.found for result in quality.results] == [{"c": 3, "a": 1}, {"c": 3}, {"b": 2}, {}]
    assert [list(result.missing) for result in quality.results] == [[], ["d"], [], ["a"]]
    assert [result.first_rank for result in quality.results] == [1, 3, 2, None]
    assert quality.success_at_k == 0.5
    assert quality.mean_reciprocal_rank == pytest.approx((1 + 1 / 3 + 1 / 2 + 0) / 4)


async def test_no_queries_have_no_figures() -> None:
    async def ask(query: str, top: int) -> list[str]:
        raise AssertionError

    quality = await measure(ask, [])
    assert (quality.success_at_k, quality.mean_reciprocal_rank, quality.succeeded) == (None, None, 0)


KEYS = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(hits=KEYS, expected=KEYS.filter(bool), top=st.integers(1, 10))
async def test_success_means_that_nothing_expected_is_missing(hits: list[str], expected: list[str], top: int) -> None:
    async def ask(query: str, wanted: int) -> list[str]:
        return hits

    quality = await measure(ask, [Expectation("q", expected, top)])
    [result] = quality.results
    assert result.succeeded == (set(expected) <= set(hits[:top]))
    assert set(result.found) | set(result.missing) == set(expected)
    assert 0 <= (quality.mean_reciprocal_rank or 0) <= 1
    assert (result.first_rank == 1) == (hits[:1] != [] and hits[0] in expected)
