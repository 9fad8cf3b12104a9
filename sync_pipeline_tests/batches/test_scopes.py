"""What is left of a scope that was removed."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from sync_pipeline.batches.lanes import FencedError, acquire
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.models import DeadLetter, ScopeLock, SyncedKey, Tombstone
from sync_pipeline.batches.requests import BatchRequest, LaneName
from sync_pipeline.batches.schedules import add_schedule, list_schedules
from sync_pipeline.batches.scopes import forget_scope
from sync_pipeline.batches.synced_keys import remember
from sync_pipeline.delivery.dead_letters import DeadLetters
from sync_pipeline.delivery.tombstones import Tombstones
from sync_pipeline.operations import Filtered, Rejected

WHAT = BatchRequest("toy", "toy:a", "all")


def test_removed_scope_leaves_history_and_nothing_else(ledger: Ledger):
    for scope in ("toy:a", "toy:b"):
        add_schedule(ledger, BatchRequest("toy", scope, "all"), cron="0 2 * * *")
        Tombstones(ledger, scope, 1).record_tombstones([Filtered("k", "hidden", 3)])
        remember(ledger, scope, {"kind": {"key": "value"}})
        DeadLetters(ledger, "toy", scope, 1).add([Rejected("k", "malformed", "no")])
    working = ledger.claim(ledger.request(WHAT).id, run_id="r", planned=["all"])
    waiting = ledger.request(WHAT)
    lane = acquire(ledger, "toy:a", LaneName.BULK, "batch:1:1")

    assert [batch.id for batch in forget_scope(ledger, "toy:a")] == [working.id, waiting.id]

    for batch in (working, waiting):
        assert (ledger.get(batch.id).error or {})["kind"] == "cancelled"
    with pytest.raises(FencedError):
        lane.check()
    with ledger.session() as session:
        for model in (ScopeLock, Tombstone, SyncedKey):
            left = session.scalar(select(func.count()).select_from(model).where(model.scope == "toy:a"))
            assert (model.__tablename__, left) == (model.__tablename__, 0)
        letters = dict(session.execute(select(DeadLetter.scope, DeadLetter.state)).all())
    assert letters == {"toy:a": "discarded", "toy:b": "open"}
    assert [schedule.scope for schedule in list_schedules(ledger)] == ["toy:b"]
