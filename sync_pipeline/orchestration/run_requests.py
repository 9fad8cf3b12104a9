"""Requests of runs for pending batches, of which one that is wrong stops no other."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sync_pipeline.batches.database import LedgerUnavailableError
from sync_pipeline.batches.failures import describe
from sync_pipeline.batches.ledger import BatchLostError
from sync_pipeline.batches.queue import unlocked
from sync_pipeline.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import dagster as dg

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.models import SyncBatch


def requests_by_batch(
    context: dg.SensorEvaluationContext,
    ledger: Ledger,
    batches: Sequence[SyncBatch],
    make: Callable[[SyncBatch], dg.RunRequest],
) -> list[tuple[SyncBatch, dg.RunRequest]]:
    """Makes the request of each batch's run; returns the batches with it.

    A batch whose request cannot be made, such as one whose type is gone from the configuration, fails with the reason.
    """
    made, failures = [], {}
    for batch in batches:
        try:
            made.append((batch, make(batch)))
        except LedgerUnavailableError as error:
            context.log.warning("batch %s is left for the next tick: %s", batch.id, one_line(error))
        except Exception as error:  # noqa: BLE001 - whatever a row holds, the others start
            failures[batch.id] = describe(error)
    for batch in unlocked(ledger, [batch for batch in batches if batch.id in failures]):
        failure = failures[batch.id]
        context.log.error("batch %s of %s cannot be run: %s", batch.id, batch.scope, failure.message)
        try:
            ledger.fail(batch, **asdict(failure))
        except (BatchLostError, LedgerUnavailableError) as held:  # somebody closed it, or holds its row
            context.log.warning("batch %s was not closed: %s", batch.id, one_line(held))
    return made
