"""The batch life cycle as a total function: every (status, event) pair either has a next status or is refused.

Pure: no database, no clock. The ledger applies it inside one UPDATE (ledger.py); nothing else writes a status.
"""

from __future__ import annotations

from enum import StrEnum

from sync_pipeline.errors import SyncPipelineError


class Status(StrEnum):
    """Where a batch stands. *Completed* means finished and accounted for, not merely dispatched."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


#: A batch that still has its end before it.
UNFINISHED = (Status.PENDING, Status.PROCESSING)


class Event(StrEnum):
    """What can happen to a batch."""

    CLAIM = "claim"
    COMPLETE = "complete"
    FAIL = "fail"
    RETRY = "retry"


NEXT_STATUS: dict[tuple[Status, Event], Status] = {
    (Status.PENDING, Event.CLAIM): Status.PROCESSING,
    (Status.PENDING, Event.FAIL): Status.FAILED,  # cancelled or expired before a run took it
    (Status.PROCESSING, Event.COMPLETE): Status.COMPLETED,
    (Status.PROCESSING, Event.FAIL): Status.FAILED,
    (Status.FAILED, Event.RETRY): Status.PENDING,  # the same row, the next attempt
}


class IllegalTransitionError(SyncPipelineError):
    """The batch's status does not allow the event; nothing was changed."""

    kind = "illegal_transition"


class BatchNotPendingError(SyncPipelineError):
    """The batch was already taken, or is over."""

    kind = "batch_not_pending"


class BatchLostError(SyncPipelineError):
    """The batch is no longer this attempt's: it was closed or retried meanwhile."""

    kind = "batch_lost"


def next_status(status: Status, event: Event) -> Status:
    """Returns the status after ``event``.

    Raises IllegalTransitionError for every pair that the life cycle does not have.
    """
    try:
        return NEXT_STATUS[(status, event)]
    except KeyError:
        raise IllegalTransitionError(f"a batch that is {status} cannot {event}") from None


def status_before(event: Event) -> tuple[Status, ...]:
    """Returns the statuses from which ``event`` is allowed, for the WHERE clause of an atomic update."""
    return tuple(status for (status, known), _ in NEXT_STATUS.items() if known is event)
