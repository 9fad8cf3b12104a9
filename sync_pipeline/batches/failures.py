"""What the ledger keeps of a failure: the words for an error, and for ends that no error tells of. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from sync_pipeline.errors import Retry, SyncPipelineError, one_line


@dataclass(frozen=True)
class Failure:
    """What the ledger keeps of an error, as ``Ledger.fail`` takes it."""

    kind: str
    message: str
    exit_status: int = 1
    retry: Retry = Retry.LATER


#: A person ended the run: nothing but a person starts it again.
CANCELLED = Failure("cancelled", "its run was terminated", retry=Retry.PERSON)
#: What ran it was stopped. So many such attempts of a batch do not count; what is stopped more often may itself be the
#: reason, such as a batch for which a machine's memory does not suffice.
MOST_INTERRUPTIONS = 5
INTERRUPTED = Failure("interrupted", "what ran it was stopped: it is taken up again by itself")


#: The kind of a batch whose run is gone, or silent.
LOST = "lost"


def lost(batch_id: int, what: str) -> Failure:
    """Returns the failure of a batch whose run is gone; ``what`` says how one knows."""
    return Failure(LOST, f"{what}: `sync-pipeline batches retry {batch_id}`")


def describe(error: BaseException) -> Failure:
    """Reads what the ledger keeps of an error. One that nobody foresaw may pass; the end of a run is a decision."""
    if isinstance(error, SyncPipelineError):
        return Failure(error.kind, one_line(error), error.exit_status, error.retry)
    if not isinstance(error, Exception):  # KeyboardInterrupt, Dagster's termination of the run
        return CANCELLED
    return Failure("internal", one_line(f"{type(error).__name__}: {error}"))
