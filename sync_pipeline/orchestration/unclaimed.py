"""Runs that have not claimed their batch: which of them repeat another's, and how long a start may take."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sync_pipeline.orchestration.tags import PARENT_TAG

if TYPE_CHECKING:
    from dagster import DagsterRun

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.models import SyncBatch

#: What a run that has started may take until its first step claims its batch: resources open first, on a busy machine.
CLAIM_PATIENCE = timedelta(seconds=180)


def is_unclaimed_repetition(ledger: Ledger, run: DagsterRun, batch: SyncBatch) -> bool:
    """Returns whether a person made the run by *Re-execute*, and it holds no attempt of the batch nor ever held one.

    Its batch and attempt are then those of the run that it repeats, whose tags were copied: they tell nothing of it.
    """
    if PARENT_TAG not in run.tags or batch.dagster_run_id == run.run_id:
        return False
    return all(one.dagster_run_id != run.run_id for one in ledger.attempts(batch.id))
