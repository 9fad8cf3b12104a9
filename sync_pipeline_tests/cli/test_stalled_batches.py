"""What people are told of batches and events that nothing works on, in many scopes, and what they can do."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Engine

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.requests import BatchRequest, LaneName
from sync_pipeline.pipelines.store_search.events.models import WebhookEvent
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.clocks import ManualClock
from sync_pipeline_tests.commands import Commands

SCOPES = 100


def request(scope: str) -> BatchRequest:
    return BatchRequest(pipeline="store_search", scope=scope, type="all", lane=LaneName.BULK)


def findings(commands: Commands, what: str) -> str:
    """The failures of `health` about something, a line each."""
    answer = commands("health", "--json")
    assert answer.status == 1
    return "\n".join(one["detail"] for one in answer.json() if one["what"] == what and not one["ok"])


def test_health_names_batches_that_stall_and_wait(commands: Commands, clean_database: Engine):
    ledger = Ledger(clean_database)
    claimed = [ledger.request(request(f"store:s{number}")) for number in range(SCOPES)]
    for batch in claimed:
        ledger.claim(batch.id, run_id=f"run-{batch.id}", planned=["products"])
    long_ago = Ledger(clean_database, clock=ManualClock())
    waiting = [long_ago.request(request(f"store:w{number}")) for number in range(SCOPES)]
    assert "stalled" not in findings(commands, "batches")
    pass_time(ledger, 120)
    found = findings(commands, "batches")
    assert f"{SCOPES} may start and wait, batch {waiting[0].id} since 2026-03-01 12:00 (UTC)" in found
    assert found.count("is stalled since") == SCOPES
    assert f"batch {claimed[0].id} of store:s0 is stalled since" in found


def test_health_passes_over_batches_of_what_is_not_configured(commands: Commands, clean_database: Engine):
    long_ago = Ledger(clean_database, clock=ManualClock())
    long_ago.request(replace(request("nothing:a"), pipeline="nope"))
    assert "may start and wait" not in findings(commands, "batches")


def test_stalled_row_without_any_heartbeat_is_told_of(commands: Commands, clean_database: Engine):
    ledger = Ledger(clean_database)
    batch = ledger.claim(ledger.request(request("store:s1")).id, run_id="run", planned=["products"])
    with ledger.session() as session:
        row = session.get_one(SyncBatch, batch.id)
        row.heartbeat_at, row.started_at = None, ManualClock().now()
    assert f"batch {batch.id} of store:s1 is stalled since 2026-03-01 12:00:00" in findings(commands, "batches")
    assert "stalled since 2026-03-01 12:00:00" in commands("batches", "list").out
    assert commands("batches", "show", str(batch.id), "--json").json()["stalled_since"].startswith("2026-03-01")


def test_batch_that_stalls_is_cancelled_and_not_taken_for_lost(commands: Commands, clean_database: Engine):
    ledger = Ledger(clean_database)
    batch = ledger.request(replace(request("store:s1"), max_attempts=3))
    ledger.claim(batch.id, run_id="run", planned=["products"])
    pass_time(ledger, 120)
    listed = commands("batches", "list", "--json").json()[0]
    assert (listed["id"], listed["status"], listed["stalled_since"] is None) == (batch.id, "processing", False)
    cancelled = commands("batches", "cancel", str(batch.id), "--json").json()
    assert (cancelled["status"], cancelled["error"]["kind"]) == ("failed", "cancelled")


def test_health_names_stores_whose_events_wait(commands: Commands, store: str, clean_database: Engine):
    assert findings(commands, "events") == ""
    with Ledger(clean_database).session() as session:
        about = {"store_hash": store, "scope": "store/product/updated", "key": "product-101", "hash": "1"}
        session.add(WebhookEvent(**about, payload="{}", received_at=ManualClock().now()))
    assert f"1 of store {store} since 2026-03-01 12:00" in findings(commands, "events")
