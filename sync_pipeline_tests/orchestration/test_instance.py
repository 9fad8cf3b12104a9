"""Runs and partitions in a real Dagster instance: what is deleted, what is kept, what is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from sqlalchemy import create_engine, text

from sync_pipeline.batches.database import make_engine
from sync_pipeline.batches.models import BatchAttempt, SyncBatch
from sync_pipeline.batches.patience import Patience
from sync_pipeline.orchestration.ending import terminate_runs
from sync_pipeline.orchestration.instance import (
    delete_old_runs,
    keep_partitions,
    move_partitions,
    runs_in_flight,
)
from sync_pipeline.orchestration.members import FormerPartitions
from sync_pipeline.orchestration.storage import FolderStorage
from sync_pipeline.orchestration.tags import ATTEMPT_TAG, BATCH_TAG, PARTITION_TAG, PIPELINE_TAG, run_tags
from sync_pipeline_tests.orchestration.idle import idle


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def ended_run(instance: dg.DagsterInstance, tags: dict[str, str] | None = None) -> str:
    return idle.execute_in_process(instance=instance, tags=tags).run_id


def run_in_flight(instance: dg.DagsterInstance, **tags: str) -> dg.DagsterRun:
    run = instance.create_run_for_job(idle, tags=tags)
    instance.report_engine_event("under way", run)
    return run


def test_runs_that_ended_long_ago_go_with_their_logs_the_oldest_first(instance: dg.DagsterInstance):
    ours = {PIPELINE_TAG: ["store_search"]}
    runs = [ended_run(instance, {PIPELINE_TAG: "store_search"}) for _ in range(3)]
    others = [ended_run(instance), ended_run(instance, {PIPELINE_TAG: "another"})]
    flying = run_in_flight(instance, **{PIPELINE_TAG: "store_search"})
    now = datetime.now(UTC)
    assert delete_old_runs(instance, ours, older_than=now - timedelta(days=30), limit=10) == 0
    later = now + timedelta(minutes=1)
    assert delete_old_runs(instance, ours, older_than=later, limit=2) == 2
    assert {run.run_id for run in instance.get_runs()} == {runs[2], flying.run_id, *others}
    assert instance.all_logs(runs[0]) == []
    assert delete_old_runs(instance, ours, older_than=later, limit=10) == 1
    assert {run.run_id for run in instance.get_runs()} == {flying.run_id, *others}
    assert instance.all_logs(flying.run_id)


def test_partitions_go_unless_wanted_or_in_use(instance: dg.DagsterInstance):
    instance.add_dynamic_partitions("store_search_stores", ["wanted", "in-use", "removed"])
    run_in_flight(instance, **{PARTITION_TAG: "in-use"})
    assert keep_partitions(instance, "store_search_stores", ["wanted", "new"]) == ["removed"]
    assert set(instance.get_dynamic_partitions("store_search_stores")) == {"wanted", "in-use"}


def test_partitions_of_the_former_set_are_moved_and_anothers_are_left(instance: dg.DagsterInstance):
    former = FormerPartitions("stores", asset="search_index")
    instance.add_dynamic_partitions("stores", ["abc", "of-another"])
    # Another location has a set of that name: nothing shows that it was ours.
    assert move_partitions(instance, former, "store_search_stores", ["abc", "new"]) == []
    assert set(instance.get_dynamic_partitions("stores")) == {"abc", "of-another"}

    instance.report_runless_asset_event(dg.AssetMaterialization("search_index"))
    assert move_partitions(instance, former, "store_search_stores", ["abc", "new"]) == ["abc"]
    assert list(instance.get_dynamic_partitions("stores")) == ["of-another"]
    assert list(instance.get_dynamic_partitions("store_search_stores")) == ["abc"]


def batch_of(run_id: str | None = None) -> SyncBatch:
    return SyncBatch(
        id=12,
        pipeline="store_search",
        scope="store:abc",
        attempt=2,
        type="all",
        mode="full",
        trigger="manual",
        lane="bulk",
        dagster_run_id=run_id,
        requested_at=datetime(2026, 3, 1, tzinfo=UTC),
    )


def test_a_run_that_is_over_unknown_or_not_dagsters_to_stop_is_left_alone(instance: dg.DagsterInstance):
    over = ended_run(instance)
    for run_id in (over, "no-such-run", run_in_flight(instance).run_id):
        assert terminate_runs(batch_of(run_id)) == []
    by_id = instance.get_run_by_id(over)
    assert by_id is not None
    assert by_id.status is dg.DagsterRunStatus.SUCCESS


def test_the_runs_of_a_batch_are_those_of_every_attempt_and_the_ones_that_held_it(instance: dg.DagsterInstance):
    batch = batch_of()
    started = run_in_flight(instance, **run_tags(batch)).run_id
    earlier = run_in_flight(instance, **{**run_tags(batch), ATTEMPT_TAG: "1"}).run_id
    run_in_flight(instance, **{**run_tags(batch), BATCH_TAG: "13"})
    by_hand, before = (run_in_flight(instance).run_id for _ in range(2))

    def found(batch: SyncBatch, *attempts: BatchAttempt) -> list[str]:
        return [record.dagster_run.run_id for record in runs_in_flight(instance, batch, attempts)]

    assert found(batch) == sorted([started, earlier])
    assert found(batch_of(by_hand)) == sorted([started, earlier, by_hand])
    held = BatchAttempt(batch_id=12, attempt=1, dagster_run_id=before)
    assert found(batch_of(ended_run(instance)), held) == sorted([started, earlier, before])


def test_dagster_keeps_its_runs_in_the_schema_of_its_url(empty_database_url: str, monkeypatch: pytest.MonkeyPatch):
    engine = make_engine(empty_database_url)
    with engine.begin() as connection:
        connection.execute(text('CREATE SCHEMA "My runs"'))
    separator = "&" if "?" in empty_database_url else "?"
    monkeypatch.setenv("DAGSTER_DATABASE_URL", f"{empty_database_url}{separator}schema=My runs")
    storage = FolderStorage.from_config_value(None, {})
    assert storage.run_storage.get_runs_count() == 0
    with engine.connect() as connection:
        names = text("SELECT table_schema FROM information_schema.tables WHERE table_name = 'runs'")
        assert connection.execute(names).scalars().all() == ["My runs"]
    engine.dispose()


def test_dagsters_connections_are_bounded_as_the_ledgers_are(empty_database_url: str, monkeypatch: pytest.MonkeyPatch):
    separator = "&" if "?" in empty_database_url else "?"
    monkeypatch.setenv("DAGSTER_DATABASE_URL", f"{empty_database_url}{separator}connect_timeout=7")
    storage = FolderStorage.from_config_value(None, {})
    with create_engine(storage.postgres_url).connect() as connection:
        used = connection.connection.driver_connection.get_dsn_parameters()
    bounds = {name: str(value) for name, value in Patience().tcp_options.items()}
    assert {name: used[name] for name in bounds} == bounds
    assert used["connect_timeout"] == "7"
