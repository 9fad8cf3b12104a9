"""Odd records through the whole pipeline: the usable ones are indexed, the others dead letters in a merchant's words.

Records that come twice because a listing moved while it was read are the connector's business, and tested there
(test_catalog.py, test_products.py).
"""

from __future__ import annotations

from collections import Counter

import pytest

from sync_pipeline.delivery.books import balances
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.imports.expected_documents import raw_shop
from sync_pipeline_tests.pipelines.store_search.imports.odd_content import ODD_CONTENT, OWN_PARENT
from sync_pipeline_tests.pipelines.store_search.imports.odd_offers import ODD_OFFERS
from sync_pipeline_tests.pipelines.store_search.imports.odd_products import ODD_PRODUCTS
from sync_pipeline_tests.pipelines.store_search.imports.odd_records import Aftermath, Odd, dead_letters, misfits, put

pytestmark = pytest.mark.real_elasticsearch

ODD_RECORDS = [*ODD_CONTENT, *ODD_PRODUCTS, *ODD_OFFERS]
INDEXED = [odd for odd in ODD_RECORDS if odd.indexed is not None]
FILTERED = [odd for odd in ODD_RECORDS if odd.filtered]
DEAD = [odd for odd in ODD_RECORDS if odd.dead]


@pytest.fixture(scope="module")
def kept() -> dict[str, Aftermath]:
    """What the first test that needs it leaves for the others."""
    return {}


@pytest.fixture
def after(kept: dict[str, Aftermath], request: pytest.FixtureRequest) -> Aftermath:
    """What one batch over all odd records at once left."""
    if "odd" not in kept:
        kept["odd"] = run_all(request.getfixturevalue("shop"))
    return kept["odd"]


def run_all(shop: Shop) -> Aftermath:
    before = raw_shop(shop.sandbox.sandbox.store(shop.hash).catalog)
    keys = {odd: put(shop, odd) for odd in ODD_RECORDS}
    assert list(keys.values())[7] == f"category-{OWN_PARENT}", "the records refer to each other by number"
    batch, result = shop.run()
    assert result.success, batch.error
    found = {odd.found_by: shop.search(odd.found_by, size=1) for odd in ODD_RECORDS if odd.found_by}
    return Aftermath(batch, keys, before, shop.documents(), dead_letters(shop), found)


@pytest.mark.invariant("6.6")
@pytest.mark.parametrize("odd", INDEXED, ids=str)
def test_what_is_odd_but_usable_is_indexed(odd: Odd, after: Aftermath):
    key = after.keys[odd]
    assert key not in after.dead_letters
    assert misfits(after.documents[key], odd.indexed or {}) == {}
    if odd.found_by:
        assert after.found[odd.found_by] == [key]


@pytest.mark.parametrize("odd", FILTERED, ids=str)
def test_what_is_not_for_shoppers_is_neither_indexed_nor_a_dead_letter(odd: Odd, after: Aftermath):
    assert after.keys[odd] not in after.documents
    assert after.keys[odd] not in after.dead_letters


@pytest.mark.invariant("6.5")
@pytest.mark.parametrize("odd", DEAD, ids=str)
def test_what_is_unusable_is_a_dead_letter_that_a_merchant_understands(odd: Odd, after: Aftermath):
    key = after.keys[odd]
    reason, message = odd.dead or ("", "")
    letter = after.dead_letters[key]
    assert (letter.reason, letter.last_error) == (reason, message.format(id=key.partition("-")[2]))
    assert (letter.first_error, letter.attempts, letter.batch_id) == (letter.last_error, 1, after.batch.id)
    assert letter.payload.startswith(b"{")
    assert key not in after.documents


def test_nothing_else_is_a_dead_letter(after: Aftermath):
    assert after.dead_letters.keys() == {after.keys[odd] for odd in DEAD}


@pytest.mark.invariant("3.1")
def test_the_books_tell_every_reason(after: Aftermath):
    before = after.before.filtered(now=after.batch.requested_at)
    parts = {"products": ["products"], "categories": ["categories", "pages"], "blog_posts": ["posts"]}
    for part, kinds in parts.items():
        odd = [one for one in ODD_RECORDS if one.kind in kinds]
        expected = Counter(f"filtered:{reason}" for reason in before[part])
        expected.update(f"filtered:{one.filtered}" for one in odd if one.filtered)
        expected.update(f"dead_lettered:{one.dead[0]}" for one in odd if one.dead)
        assert balances(after.batch.counts[part])
        assert Counter(after.batch.counts[part]["reasons"]) == expected


@pytest.mark.invariant("6.6")
def test_every_other_record_is_indexed_as_ever(after: Aftermath):
    expected = after.before.documents(now=after.batch.requested_at)
    others = {key: document for key, document in after.documents.items() if key not in after.keys.values()}
    assert others == expected
    assert len(after.documents) == len(expected) + len(INDEXED)
