"""Why a run in flight has nothing to do any more: its batch's attempt is over, or is another run's.

What belongs here: the judgement of one run. What does not: which runs there are (reconciliation.py), and how one is
ended (ending.py).
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from sync_pipeline.batches.failures import CANCELLED, INTERRUPTED, LOST, lost
from sync_pipeline.batches.ledger import BatchLostError
from sync_pipeline.batches.queue import unlocked
from sync_pipeline.batches.states import UNFINISHED, Status
from sync_pipeline.orchestration.instance import age, is_launched
from sync_pipeline.orchestration.tags import is_run_of, tagged_attempt
from sync_pipeline.orchestration.unclaimed import CLAIM_PATIENCE, is_unclaimed_repetition

if TYPE_CHECKING:
    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.models import SyncBatch

#: What a run may still do after its batch has ended by itself (asset checks).
RUN_PATIENCE = timedelta(seconds=60)


def why_over(ledger: Ledger, record: dg.RunRecord, batch: SyncBatch | None) -> str | None:
    """Returns why a run in flight has nothing to do any more, as a kind of failure or a status; None if it has."""
    run = record.dagster_run
    attempt = tagged_attempt(run.tags)
    if attempt is None:
        return None
    if batch is None or attempt > batch.attempt or not is_run_of(run.tags, batch):
        # Its ledger was made anew, or restored from before: what the run claimed is not there any more.
        return LOST if is_launched(run) and age(record.start_time) > RUN_PATIENCE else None
    if batch.dagster_run_id == run.run_id and batch.status in UNFINISHED:
        return None
    if is_unclaimed_repetition(ledger, run, batch):
        # In the queue, or before its first step, which takes up the batch whatever has become of it.
        return LOST if is_launched(run) and age(record.start_time) > CLAIM_PATIENCE else None
    if attempt == batch.attempt and batch.status in UNFINISHED:
        return _beside(ledger, record, batch)
    return _after(ledger, run, batch, attempt)


def _after(ledger: Ledger, run: dg.DagsterRun, batch: SyncBatch, attempt: int) -> str | None:
    """Returns what an attempt ended with whose run has had its time to end by itself; None before that."""
    row = next((one for one in ledger.attempts(batch.id) if one.attempt == attempt), None)
    if row is None or row.finished_at is None:
        return None
    kind = (row.error or {}).get("kind", row.status)
    ended_by_others = kind in {LOST, CANCELLED.kind, INTERRUPTED.kind}
    by_itself = timedelta() if ended_by_others and is_launched(run) else RUN_PATIENCE
    return kind if ledger.clock.now() - row.finished_at >= by_itself else None


def _beside(ledger: Ledger, record: dg.RunRecord, batch: SyncBatch) -> str | None:
    """Returns why a run has nothing to do in an attempt that goes on: another one works, or it died too early."""
    if batch.status == Status.PROCESSING and record.dagster_run.status is dg.DagsterRunStatus.QUEUED:
        return "superfluous"
    if age(record.start_time) < CLAIM_PATIENCE:
        return None
    if batch.status == Status.PENDING and batch.dagster_run_id is None:
        if not unlocked(ledger, [batch]):
            return None
        try:
            ledger.fail(batch, **asdict(lost(batch.id, "its run died before its first step")))
        except BatchLostError:
            return None
        return LOST
    return "superfluous"
