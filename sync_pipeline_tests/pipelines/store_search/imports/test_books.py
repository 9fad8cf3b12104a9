"""Books that do not balance, as a batch and as the checks of its assets see them."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.delivery.books import Books, balances
from sync_pipeline.operations import Outcome
from sync_pipeline.pipelines.store_search.defs.checks import DESCRIPTIONS, inspect
from sync_pipeline.pipelines.store_search.types import Part
from sync_pipeline_tests.pipelines.store_search.conftest import Shop


@pytest.mark.invariant("3.5")
def test_a_batch_that_loses_a_record_is_failed_and_publishes_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.run_plain()
    served = shop.served()
    count = Books.count

    def count_all_but_one(books: Books, outcome: Outcome, reason: str | None = None) -> None:
        if (outcome, reason) != (Outcome.FILTERED, "draft"):
            count(books, outcome, reason)

    monkeypatch.setattr(Books, "count", count_all_but_one)
    batch, result = shop.run()
    assert not result.success
    assert (batch.status, batch.error["kind"]) == ("failed", "books")
    assert batch.error["message"] == "blog_posts: the books do not balance: 7 read + 0 absent, but 6 accounted for"
    assert {name for name in served if "-blog-" in name} < shop.served()


@pytest.mark.invariant("3.5")
def test_the_check_of_an_import_sees_books_that_do_not_balance(shop: Shop):
    batch = shop.run_plain()
    ledger = shop.pipeline.ledger
    told = inspect(shop.pipeline, shop.hash, Part.BLOG_POSTS, "no run")
    assert {name: passed for name, (passed, _) in told.items()} == dict.fromkeys(DESCRIPTIONS, True)
    posts = batch.counts["blog_posts"]
    with ledger.session() as session:
        session.execute(update(SyncBatch).values(counts={"blog_posts": {**posts, "read": posts["read"] + 1}}))
    told = inspect(shop.pipeline, shop.hash, Part.BLOG_POSTS, "no run")
    assert {name for name, (passed, _) in told.items() if not passed} == {"books_balance"}


@pytest.mark.invariant("3.5")
@pytest.mark.parametrize("lost", ["read", "absent", "written", "deleted", "unchanged", "stale", "filtered"])
def test_figures_balance_only_when_every_record_has_its_outcome(lost: str):
    books = Books(read=6, absent=1)
    for outcome in [*Outcome, Outcome.WRITTEN]:
        books.count(outcome)
    stats = books.as_dict()
    assert balances(stats)
    assert not balances({**stats, lost: stats[lost] + 1})
