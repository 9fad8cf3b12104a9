"""Runs that work for nobody, and batches for which nothing works."""

from __future__ import annotations

import time
from collections.abc import Iterator

import dagster as dg
import pytest

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.orchestration import disagreements
from sync_pipeline.orchestration.disagreements import batches_without_run, runs_without_batch
from sync_pipeline.orchestration.tags import BATCH_TAG, PARENT_TAG, run_tags
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.types import PIPELINE, BatchType
from sync_pipeline_tests.orchestration.idle import idle


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setattr(disagreements, "GRACE_SECONDS", 0.0)
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def test_run_in_flight_whose_batch_has_ended_is_told(instance: dg.DagsterInstance, ledger: Ledger):
    batch = ledger.request(store_request("abc", BatchType.ALL))
    run = instance.create_run_for_job(idle, tags=run_tags(batch), status=dg.DagsterRunStatus.STARTED)
    instance.create_run_for_job(idle, status=dg.DagsterRunStatus.STARTED)  # somebody else's
    assert runs_without_batch(instance, ledger, [PIPELINE]) == []
    ledger.cancel(batch.id)
    assert runs_without_batch(instance, ledger, [PIPELINE]) == [
        f"run {run.run_id[:8]} of idle is STARTED, its batch {batch.id} is failed"
    ]


def test_re_executed_run_that_waits_for_its_turn_is_not_told(instance: dg.DagsterInstance, ledger: Ledger):
    batch = ledger.request(store_request("abc", BatchType.ALL))
    ledger.cancel(batch.id)
    tags = {**run_tags(batch), PARENT_TAG: "the run that failed"}
    run = instance.create_run_for_job(idle, tags=tags, status=dg.DagsterRunStatus.STARTING)
    assert runs_without_batch(instance, ledger, [PIPELINE]) == []
    long_ago = time.time() - 181
    instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", job_name="idle"), run.run_id, timestamp=long_ago)
    assert len(runs_without_batch(instance, ledger, [PIPELINE])) == 1


def test_tag_that_no_batch_can_have_is_told(instance: dg.DagsterInstance, ledger: Ledger):
    run = instance.create_run_for_job(idle, tags={BATCH_TAG: "9" * 19}, status=dg.DagsterRunStatus.STARTED)
    line = f"run {run.run_id[:8]} of idle is STARTED without a batch"
    assert runs_without_batch(instance, ledger, [PIPELINE]) == [line]


def test_batch_at_work_whose_run_has_ended_or_is_gone_is_told(instance: dg.DagsterInstance, ledger: Ledger):
    batch = ledger.request(store_request("abc", BatchType.ALL))
    run = instance.create_run_for_job(idle, tags=run_tags(batch), status=dg.DagsterRunStatus.STARTED)
    claimed = ledger.claim(batch.id, run_id=run.run_id, planned=("products",))
    assert batches_without_run(instance, ledger) == []
    instance.report_run_failed(run)
    line = f"batch {claimed.id} of store:abc is processing, its run {run.run_id[:8]} is FAILURE"
    assert batches_without_run(instance, ledger) == [line]
    instance.delete_run(run.run_id)
    assert batches_without_run(instance, ledger) == [line.replace("is FAILURE", "is not there")]
