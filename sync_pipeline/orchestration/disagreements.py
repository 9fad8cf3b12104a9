"""Dagster's runs against the ledger's batches: what each has that the other does not know of.

What belongs here: telling it. What does not: ending either (reconciliation.py).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import dagster as dg

from sync_pipeline.batches.states import UNFINISHED, Status
from sync_pipeline.orchestration.instance import ENDED, IN_FLIGHT, age
from sync_pipeline.orchestration.tags import ATTEMPT_TAG, BATCH_TAG, is_numbered, tagged_batch
from sync_pipeline.orchestration.unclaimed import CLAIM_PATIENCE, is_unclaimed_repetition

if TYPE_CHECKING:
    from collections.abc import Collection

    from sync_pipeline.batches.ledger import Ledger

#: A run and its batch do not begin and end in the same moment, and what is amiss is put right within a minute.
GRACE_SECONDS = 120.0
LIMIT = 500


def runs_without_batch(instance: dg.DagsterInstance, ledger: Ledger, pipelines: Collection[str]) -> list[str]:
    """Returns a line for each run of these pipelines that is in flight though its batch has ended, or that has none."""
    lines = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=IN_FLIGHT), limit=LIMIT):
        run = record.dagster_run
        began = record.start_time or record.create_timestamp.timestamp()
        if time.time() - began < GRACE_SECONDS or not _is_ours(run, pipelines):
            continue
        tagged = tagged_batch(run.tags) if is_numbered(run.tags) else None
        batch = ledger.of_run(run.run_id) or (None if tagged is None else ledger.find(tagged))
        if (
            batch is not None
            and is_unclaimed_repetition(ledger, run, batch)
            and age(record.start_time) < CLAIM_PATIENCE
        ):
            continue
        what = f"run {run.run_id[:8]} of {run.job_name} is {run.status.value}"
        if batch is None:
            if run.status is dg.DagsterRunStatus.STARTED:
                lines.append(f"{what} without a batch")
        elif batch.status not in UNFINISHED:
            lines.append(f"{what}, its batch {batch.id} is {batch.status}")
        elif batch.dagster_run_id != run.run_id and run.tags.get(ATTEMPT_TAG) != str(batch.attempt):
            lines.append(f"{what}, its batch {batch.id} is at attempt {batch.attempt}")
    return lines


def batches_without_run(instance: dg.DagsterInstance, ledger: Ledger) -> list[str]:
    """Returns a line for each batch that is processing though its run has ended, or is not there."""
    lines = []
    for batch in ledger.list(status=Status.PROCESSING, limit=LIMIT):
        if batch.dagster_run_id is None or batch.started_at is None:
            continue
        record = instance.get_run_record_by_id(batch.dagster_run_id)
        began = batch.started_at.timestamp() if record is None else record.end_time
        ended = record is None or record.dagster_run.status in ENDED
        if ended and time.time() - (began or 0.0) >= GRACE_SECONDS:
            state = "is not there" if record is None else f"is {record.dagster_run.status.value}"
            lines.append(f"batch {batch.id} of {batch.scope} is processing, its run {batch.dagster_run_id[:8]} {state}")
    return lines


def _is_ours(run: dg.DagsterRun, pipelines: Collection[str]) -> bool:
    """Returns whether a run does a batch's work: by its tags or, started by a person, by its assets."""
    keys = run.asset_selection or ()
    return BATCH_TAG in run.tags or any(key.path[0] in pipelines for key in keys)
