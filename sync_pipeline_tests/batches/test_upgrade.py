"""A ledger of the release before, with rows in every table, upgraded: nothing is lost, and it works.

The rows are SQL as that release left them, not models, which are those of today.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from sync_pipeline.batches import schema
from sync_pipeline.batches.base import SCHEMA
from sync_pipeline.batches.cron import next_run
from sync_pipeline.batches.database import LedgerUnavailableError, make_engine
from sync_pipeline.batches.identity import identity_of
from sync_pipeline.batches.lanes import LaneBusyError, acquire
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.migrations.versions.r0006_identity import IDENTIFY
from sync_pipeline.batches.queue import due, reap
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.batches.schedules import list_schedules, request_due
from sync_pipeline.batches.synced_keys import recall
from sync_pipeline.pipelines.store_search.events.claims import EventClaims, stores_with_events
from sync_pipeline.pipelines.store_search.pipeline import PIPELINE
from sync_pipeline.pipelines.store_search.requests import events_request
from sync_pipeline_tests.clocks import ManualClock

OLD = "0004"
ROWS = """
INSERT INTO stores (hash, name, token, created_at, updated_at, uninstalled_at) VALUES
    ('abc', 'Shop', 'k:x', now(), now(), NULL), ('gone', 'Left', 'k:x', now(), now(), now());
INSERT INTO sync_schedules (pipeline, scope, store_hash, type, cron, next_run_at, created_at, updated_at) VALUES
    ('store_search', 'store:abc', 'abc', 'all', '0 2 * * *', '2026-03-01T02:00Z', now(), now()),
    ('store_search', 'store:gone', 'gone', 'all', '0 2 * * *', '2026-03-01T02:00Z', now(), now());
INSERT INTO sync_batches (pipeline, scope, store_hash, type, trigger, status, requested_at, started_at, finished_at,
        heartbeat_at, dagster_run_id, lane, counts, error) VALUES
    ('store_search', 'store:abc', 'abc', 'all', 'manual', 'completed', now(), now(), now(), now(), 'r1', 'bulk',
        '{"products": {"read": 3}}', NULL),
    ('store_search', 'store:abc', 'abc', 'product', 'api', 'failed', now(), now(), now(), now(), 'r2', 'bulk', '{}',
        '{"kind": "lost", "message": "m", "exit_status": 1}'),
    ('store_search', 'store:abc', 'abc', 'blog', 'manual', 'pending', now() - interval '1 hour', NULL, NULL, NULL,
        'never came', 'bulk', '{}', NULL),
    ('store_search', 'store:abc', 'abc', 'blog', 'manual', 'pending', now(), NULL, NULL, NULL, NULL,
        'bulk', '{}', NULL);
INSERT INTO batch_attempts (batch_id, attempt, status, counts) VALUES (1, 1, 'completed', '{}'), (2, 1, 'failed', '{}');
INSERT INTO scope_locks (scope, lane, token, holder, expires_at) VALUES
    ('store:abc', 'bulk', 41, NULL, NULL), ('store:gone', 'bulk', 7, 'batch:9:1', now() + interval '20 s');
INSERT INTO dead_letters (pipeline, scope, key, version, reason, first_error, last_error, payload, created_at,
    updated_at) VALUES ('store_search', 'store:abc', 'product-1', 1, 'malformed', 'e', 'e', '', now(), now());
INSERT INTO stop_words (store_hash, word, created_at) VALUES ('abc', 'the', now());
INSERT INTO synonym_rules (store_hash, rule, created_at) VALUES ('abc', 'tv => television', now());
INSERT INTO saved_queries (store_hash, query, expected, created_at) VALUES ('abc', 'sofa', '["product-1"]', now());
INSERT INTO synced_keys (scope, kind, key, value) VALUES ('store:abc', 'brand', '1', 'Acme');
INSERT INTO tombstones (scope, key, version, batch_id, deleted_at) VALUES ('store:abc', 'product-2', 5, 1, now());
INSERT INTO webhook_events (store_hash, scope, key, hash, payload, received_at) VALUES
    ('abc', 'store/product/updated', 'product-1', 'h1', '{}', now());
SELECT nextval('record_version');
"""


def counts(engine: Engine) -> dict[str, int]:
    """The rows of every table of the ledger but Alembic's."""
    with engine.connect() as connection:
        names = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = :s"), {"s": SCHEMA}).all()
        return {
            name: connection.scalar(text(f"SELECT count(*) FROM {SCHEMA}.{name}")) or 0  # noqa: S608 - names of our own tables
            for name in names
            if name != "alembic_version"
        }


@pytest.fixture
def upgraded(empty_database_url: str) -> Iterator[Engine]:
    engine = make_engine(empty_database_url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        config = Config()
        config.set_main_option("script_location", "sync_pipeline.batches:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, OLD)
    with engine.begin() as connection:
        connection.execute(text(f"SET LOCAL search_path = {SCHEMA}"))
        for statement in ROWS.split(";\n"):
            if statement.strip():
                connection.execute(text(statement.replace(":", r"\:")))
    before = counts(engine)
    assert min(before.values()) > 0, before
    schema.upgrade(engine)
    after = counts(engine)
    before["sync_schedules"] += before["stores"]  # each store gets its weekly verify
    assert {name: after.get(name) for name in before} == before
    yield engine
    engine.dispose()


def test_ledger_of_the_release_before_keeps_its_rows_and_works(upgraded: Engine):
    clock = ManualClock()
    clock.time = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
    ledger = Ledger(upgraded, clock)
    assert [batch.id for batch in ledger.list(pipeline="store_search", scope="store:abc")] == [4, 3, 2, 1]
    assert [batch.id for batch in ledger.list(scope="store:other")] == []
    assert ledger.get(1).counts == {"products": {"read": 3}}
    assert [lost.id for lost in reap(ledger)] == [3]
    assert [batch.id for batch in due(ledger)] == [4]
    again = ledger.retry(2)
    assert (again.status, again.attempt, again.options) == ("pending", 2, {})
    ledger.complete(ledger.claim(2, run_id="again", planned=[]))
    assert [attempt.attempt for attempt in ledger.attempts(2)] == [1, 2]
    assert [(one.scope, one.type, one.paused_reason) for one in list_schedules(ledger)] == [
        ("store:abc", "all", None),
        ("store:gone", "all", "uninstalled"),
        ("store:abc", "verify", None),
        ("store:gone", "verify", "uninstalled"),
    ]
    assert [batch.scope for batch in request_due(ledger, {PIPELINE.name: PIPELINE.scheduled}, 0)] == ["store:abc"]
    assert acquire(ledger, "store:abc", LaneName.BULK, "next").token == 42
    with pytest.raises(LaneBusyError):
        acquire(ledger, "store:gone", LaneName.BULK, "next")
    assert recall(ledger, "store:abc", ["brand"]) == {"brand": {"1": "Acme"}}
    assert ledger.next_version() == 2


def test_weekly_verify_of_each_store_comes_at_its_own_time_within_a_week(upgraded: Engine):
    now = datetime.now(UTC)
    weekly = [one for one in list_schedules(Ledger(upgraded)) if one.type == "verify"]
    assert len({one.cron for one in weekly}) == len(weekly) == 2
    for one in weekly:
        assert now < one.next_run_at <= now + timedelta(days=7)
        assert one.next_run_at == next_run(one.cron, "UTC", one.next_run_at - timedelta(seconds=1))


def test_events_of_the_release_before_are_drained(upgraded: Engine):
    ledger = Ledger(upgraded)
    assert stores_with_events(ledger) == ["abc"]
    batch = ledger.claim(ledger.request(events_request("abc")).id, run_id="drain", planned=["events"])
    claims = EventClaims(ledger, acquire(ledger, batch.scope, LaneName.EVENTS, "batch"), batch)
    [event] = claims.take(10)
    claims.end({event.id: "done"}, {})
    assert (event.key, event.attempts, stores_with_events(ledger)) == ("product-1", 1, [])


@pytest.mark.invariant("2.11")
def test_ledger_of_before_identities_gets_the_same_one_from_each_of_its_backups(upgraded: Engine):
    first = identity_of(Ledger(upgraded))
    assert first.owns_unmarked
    with upgraded.begin() as connection:
        connection.execute(text(f"SET LOCAL search_path = {SCHEMA}"))
        connection.execute(text("DELETE FROM ledger_identity"))
        connection.execute(text("UPDATE stores SET created_at = created_at + interval '1 day' WHERE hash = 'gone'"))
        connection.execute(text(IDENTIFY))
    assert identity_of(Ledger(upgraded)) == first


@pytest.mark.invariant("2.11")
def test_new_ledger_has_an_identity_of_its_own_and_owns_nothing_unmarked(empty_database_url: str):
    engine = make_engine(empty_database_url)
    schema.upgrade(engine)
    made = identity_of(Ledger(engine))
    assert (made.owns_unmarked, len(made.id)) == (False, 36)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM sync_pipeline.ledger_identity"))
    with pytest.raises(LedgerUnavailableError, match="restore its row"):
        identity_of(Ledger(engine))
    engine.dispose()
