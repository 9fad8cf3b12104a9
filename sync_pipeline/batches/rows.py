"""What a requested batch is as a row of the ledger, and whether it may be one. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func

from sync_pipeline.batches.requests import SELECTION, BatchRequest, LaneName, Mode, Trigger
from sync_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sync_pipeline.batches.models import SyncBatch


class ForeignScopeError(UsageError):
    """A batch was asked for of another pipeline's scope."""

    kind = "foreign_scope"


def check_scope(request: BatchRequest, nouns: Mapping[str, str]) -> None:
    """Raises ForeignScopeError when the scope's noun (`store` in `store:abc`) is not the pipeline's.

    ``nouns`` are by pipeline. Locks, tombstones and remembered keys are by scope alone: two pipelines that shared one
    would fence each other and take each other's deletes for their own.
    """
    noun = request.scope.partition(":")[0]
    own = nouns.get(request.pipeline)
    if noun != own if own is not None else noun in nouns.values():
        raise ForeignScopeError(f"{request.scope!r} is no scope of {request.pipeline}: no batch of it is stored")


def selected_parts(batch: SyncBatch) -> list[str]:
    """Returns the parts of a batch of type `selection`. Raises UsageError when they are no list of names."""
    parts = batch.options.get("parts") if isinstance(batch.options, dict) else None
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        raise UsageError(f"a batch of type {SELECTION} needs the option parts, a list of names")
    return parts


def request_of(batch: SyncBatch) -> BatchRequest:
    """Returns the request of a batch like this one, asked for by a person. Deletes are to be confirmed anew."""
    return BatchRequest(
        pipeline=batch.pipeline,
        scope=batch.scope,
        type=batch.type,
        mode=Mode(batch.mode),
        trigger=Trigger.MANUAL,
        ids=batch.ids,
        options=batch.options,
        dry_run=batch.dry_run,
        lane=None if batch.lane is None else LaneName(batch.lane),
    )


def pending_row(request: BatchRequest, now: datetime, *, unique_while_pending: bool = False) -> dict[str, Any]:
    """Returns the columns of a pending batch."""
    return {
        "pipeline": request.pipeline,
        "scope": request.scope,
        "store_hash": request.store_hash,
        "lane": None if request.lane is None else request.lane.value,
        "schedule_id": request.schedule_id,
        "max_attempts": request.max_attempts,
        "type": request.type,
        "mode": request.mode.value,
        "trigger": request.trigger.value,
        "is_scheduled": request.trigger is Trigger.SCHEDULE,
        "ids": None if request.ids is None else list(request.ids),
        "options": dict(request.options),
        "requested_at": now,
        "not_before": now + request.delay if request.delay else None,
        "confirm_deletes": request.confirm_deletes,
        "dry_run": request.dry_run,
        "dagster_run_id": request.reserved_for,
        # A reservation is a sign of life, and ages by PostgreSQL's clock as all of these.
        "heartbeat_at": None if request.reserved_for is None else func.clock_timestamp(),
        "unique_while_pending": unique_while_pending,
    }
