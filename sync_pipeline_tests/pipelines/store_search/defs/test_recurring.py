"""Scheduled batches through Dagster, from the minute in which they are due to the next run; and the daily clean-up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from sync_pipeline.batches.identity import Identity
from sync_pipeline.batches.lanes import acquire
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.models import SyncBatch, SyncSchedule
from sync_pipeline.batches.queue import reap
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.batches.schedules import add_schedule, get_schedule
from sync_pipeline.connectors.elasticsearch.indices import PhysicalIndex, StoreIndices
from sync_pipeline.orchestration.tags import run_key
from sync_pipeline.pipelines.store_search.index.cleanup import orphaned
from sync_pipeline.pipelines.store_search.requests import recurring_request
from sync_pipeline.pipelines.store_search.types import BatchType
from sync_pipeline.sandboxes.bigcommerce.store import StoreStatus
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.clocks import ManualClock
from sync_pipeline_tests.pipelines.store_search.conftest import Shop

TWO = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


@pytest.fixture
def timed(shop: Shop, ledger: Ledger) -> Shop:
    """The shop on the test's clock."""
    return replace(shop, pipeline=replace(shop.pipeline, ledger=ledger))


def nightly(shop: Shop, clock: ManualClock, batch_type: BatchType = BatchType.SYNONYMS) -> SyncSchedule:
    """A schedule of the shop for every night at two; it is two."""
    schedule = add_schedule(shop.pipeline.ledger, recurring_request(shop.hash, batch_type), cron="0 2 * * *")
    clock.time = TWO
    return schedule


def minute(shop: Shop) -> str:
    """A tick of the schedule that makes batches; what it says."""
    context = dg.build_schedule_context(instance=shop.instance, resources={"core": shop.resources["core"]})
    skipped = shop.definitions.get_schedule_def("due_batches")(context)
    assert isinstance(skipped, dg.SkipReason)
    return (skipped.skip_message or "").partition(" due")[0] + " due"


def starts(shop: Shop) -> list[dg.RunRequest]:
    """The runs that the sensor asks for."""
    context = dg.build_sensor_context(instance=shop.instance, resources={"core": shop.resources["core"]})
    answer = shop.definitions.get_sensor_def("pending_batches")(context)
    return list(answer.run_requests or []) if isinstance(answer, dg.SensorResult) else []


def the_batch(shop: Shop) -> SyncBatch:
    [batch] = shop.pipeline.ledger.list()
    return batch


def test_a_scheduled_batch_runs_from_pending_to_completed_and_moves_the_next_run(timed: Shop, clock: ManualClock):
    schedule = nightly(timed, clock)
    assert (minute(timed), minute(timed)) == ("1 batches were due", "0 batches were due")
    assert (the_batch(timed).status, the_batch(timed).is_scheduled) == ("pending", True)
    [request] = starts(timed)
    assert (request.job_name, request.tags["sync_pipeline/trigger"]) == ("sync_synonyms", "schedule")
    assert timed.run_job(request.job_name or "", tags=dict(request.tags)).success
    done = the_batch(timed)
    assert (done.status, done.trigger, done.max_attempts) == ("completed", "schedule", 4)
    assert done.next_run_at == get_schedule(timed.pipeline.ledger, schedule.id).next_run_at == TWO + timedelta(days=1)
    assert (minute(timed), starts(timed)) == ("0 batches were due", [])


def test_a_scheduled_batch_that_fails_moves_the_next_run_and_is_tried_again(timed: Shop, clock: ManualClock):
    schedule = nightly(timed, clock, BatchType.BLOG)
    timed.sandbox.admin.configure(timed.hash, status=StoreStatus.SUSPENDED)
    minute(timed)
    [request] = starts(timed)
    assert not timed.run_job(request.job_name or "", tags=dict(request.tags)).success
    failed = the_batch(timed)
    assert (failed.status, failed.error and failed.error["exit_status"]) == ("failed", 3)
    assert get_schedule(timed.pipeline.ledger, schedule.id).next_run_at == TWO + timedelta(days=1)
    assert failed.next_run_at == TWO + timedelta(days=1)
    assert starts(timed) == []
    clock.advance(30)
    assert [request.run_key for request in starts(timed)] == [run_key(timed.pipeline.ledger.get(failed.id))]


def test_a_scheduled_batch_whose_run_was_killed_moves_the_next_run(timed: Shop, clock: ManualClock):
    schedule = nightly(timed, clock)
    minute(timed)
    ledger = timed.pipeline.ledger
    ledger.claim(the_batch(timed).id, run_id="r", planned=["synonyms"])
    pass_time(ledger, 60)
    assert len(reap(ledger)) == 1
    assert get_schedule(ledger, schedule.id).next_run_at == TWO + timedelta(days=1)


def test_a_manual_batch_leaves_the_schedule_as_it_is(timed: Shop, clock: ManualClock):
    schedule = nightly(timed, clock)
    batch, _ = timed.run(BatchType.SYNONYMS)
    assert (batch.status, batch.is_scheduled, batch.next_run_at) == ("completed", False, None)
    assert get_schedule(timed.pipeline.ledger, schedule.id).next_run_at == TWO


def test_the_daily_clean_up_removes_what_nobody_owns(shop: Shop):
    shop.run(BatchType.BLOG)
    served = shop.served()
    two_days_ago = datetime.now(UTC) - timedelta(days=2)

    async def make(kind: str, when: datetime) -> str:
        async with shop.pipeline.cluster() as cluster:
            indices = StoreIndices(cluster, shop.hash)
            await indices.create(name := indices.new_name(kind, when), {"settings": {}, "mappings": {}})
            return name

    asyncio.run(make("products", two_days_ago))
    young = asyncio.run(make("products", datetime.now(UTC)))
    shop.instance.add_dynamic_partitions("store_search_stores", ["removed"])
    job = shop.definitions.resolve_job_def("maintenance")

    lane = acquire(shop.pipeline.ledger, f"store:{shop.hash}", LaneName.BULK, "a batch at work")
    assert job.execute_in_process(instance=shop.instance).success
    assert len(shop.indices()) == 3
    assert set(shop.instance.get_dynamic_partitions("store_search_stores")) == {shop.hash}
    lane.release()
    assert job.execute_in_process(instance=shop.instance).success
    assert set(shop.indices()) == {*served, young}
    acquire(shop.pipeline.ledger, f"store:{shop.hash}", LaneName.BULK, "the next")


def test_what_a_swap_has_just_replaced_is_not_ownerless_yet():
    now = datetime(2026, 3, 10, tzinfo=UTC)
    before = now - timedelta(days=1)

    def index(name: str, kind: str, days: int, *aliases: str) -> PhysicalIndex:
        return PhysicalIndex(name, kind, now - timedelta(days=days), {}, frozenset(aliases))

    lately = [index("old", "products", 5), index("new", "products", 0, "a")]
    long_ago = [index("left", "blog", 5), index("served", "blog", 4, "b"), index("build", "blog", 0)]
    assert [one.name for one in orphaned([*lately, *long_ago], Identity("own"), before)] == ["left"]
