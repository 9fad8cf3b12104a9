"""What tests look at after a kill: whether anything was left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import select

from sync_pipeline.batches.models import ScopeLock, SyncBatch
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.delivery.books import balances
from sync_pipeline.pipelines.store_search.stores.stores import store_scope
from sync_pipeline.pipelines.store_search.types import IMPORTS
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.imports.odd_records import dead_letters


@contextmanager
def told(schedule: str) -> Iterator[None]:
    """Names the schedule in whatever fails inside."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"schedule {schedule}")
        raise


def lane_holders(shop: Shop) -> list[str]:
    """Who holds the shop's lanes."""
    held = select(ScopeLock.holder).where(ScopeLock.scope == store_scope(shop.hash), ScopeLock.holder.is_not(None))
    with shop.pipeline.ledger.session() as session:
        return [holder for holder in session.scalars(held) if holder]


def lease_ends(shop: Shop) -> datetime | None:
    """When the shop's bulk lane is free without a renewal; None when it is free."""
    lease = select(ScopeLock.expires_at).where(
        ScopeLock.scope == store_scope(shop.hash), ScopeLock.lane == LaneName.BULK.value
    )
    with shop.pipeline.ledger.session() as session:
        return session.scalar(lease)


def check_recovered(shop: Shop, batch: SyncBatch) -> None:
    """The batch completed with balanced books, and the index is what a rebuild makes of the shop; no trace of others.

    Rebuilds the shop's indices.
    """
    assert batch.status == "completed", batch.error
    assert all(balances(batch.counts[part]) for part in IMPORTS), batch.counts
    found = shop.documents()
    rebuilt = shop.run_plain(mode="full", confirm_deletes=True)
    assert found == shop.documents()
    replaced = {name for part in IMPORTS for name in rebuilt.counts[part]["replaced"]}
    assert shop.indices().keys() == shop.served() | replaced
    assert len(shop.served()) == len(replaced) == len(IMPORTS)
    assert lane_holders(shop) == []
    assert dead_letters(shop) == {}
