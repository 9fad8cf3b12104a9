"""The delete guard: a source that suddenly has far fewer records is not believed until a person confirms.

Invariant 4. Pure. The default bound, 15 %, is AWS Bedrock's `deletionProtectionThreshold` default; small indices may
lose 20 records.
"""

from __future__ import annotations

from sync_pipeline.errors import Retry, SyncPipelineError

MAX_SHARE = 0.15
MAX_RECORDS = 20


class DeleteGuardError(SyncPipelineError):
    """More records would vanish than the guard allows; nothing was deleted."""

    kind = "delete_guard"
    retry = Retry.PERSON


def check_deletes(*, what: str, before: int, deletes: int, confirmed: bool) -> None:
    """Raises DeleteGuardError when ``deletes`` of ``before`` records are too many to be believed."""
    if confirmed or deletes <= MAX_RECORDS or deletes <= before * MAX_SHARE:
        return
    raise DeleteGuardError(
        f"{what}: {deletes} of {before} would vanish, more than {MAX_SHARE:.0%}; the index stays as it is. "
        "If that is right, run it again with --confirm-deletes"
    )
