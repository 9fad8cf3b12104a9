"""The delete guard: a source that suddenly has far fewer records is not believed until a person confirms.

Invariant 4. Pure. The default bound, 15 %, is AWS Bedrock's `deletionProtectionThreshold` default; small indices may
lose 20 records.
"""

from __future__ import annotations

from dataclasses import dataclass

from sync_pipeline.errors import Retry, SyncPipelineError


@dataclass(frozen=True)
class GuardBounds:
    """How many records may vanish unconfirmed: so many, or that share of all. A pipeline has its own for each type."""

    share: float = 0.15
    records: int = 20


class DeleteGuardError(SyncPipelineError):
    """More records would vanish than the guard allows; nothing was deleted."""

    kind = "delete_guard"
    retry = Retry.PERSON


def check_deletes(*, what: str, before: int, deletes: int, confirmed: bool, bounds: GuardBounds | None = None) -> None:
    """Raises DeleteGuardError when ``deletes`` of ``before`` records are too many to be believed."""
    bounds = bounds or GuardBounds()
    if confirmed or deletes <= bounds.records or deletes <= before * bounds.share:
        return
    raise DeleteGuardError(
        f"{what}: {deletes} of {before} would vanish, more than {bounds.share:.0%}; the index stays as it is. "
        "If that is right, run it again with --confirm-deletes"
    )
