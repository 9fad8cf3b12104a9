"""What may be asked of `store_search`: checked words in, a batch request out."""

from __future__ import annotations

from datetime import timedelta

from sync_pipeline.batches.requests import BatchRequest, Mode, Trigger
from sync_pipeline.batches.stores import check_hash, store_scope
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.types import PIPELINE, BatchType

#: The modes that this pipeline offers.
MODES = (Mode.FULL,)


def store_request(
    store_hash: str,
    batch_type: BatchType,
    *,
    mode: str = Mode.FULL,
    trigger: Trigger = Trigger.MANUAL,
    delay: timedelta = timedelta(),
    confirm_deletes: bool = False,
    reserved_for: str | None = None,
) -> BatchRequest:
    """A request for a batch of the store. Raises UsageError for a malformed hash or an unknown mode."""
    if mode not in MODES:
        raise UsageError(f"mode {mode!r} is unknown: it is one of {', '.join(MODES)}")
    return BatchRequest(
        pipeline=PIPELINE,
        scope=store_scope(check_hash(store_hash)),
        store_hash=store_hash,
        type=batch_type.value,
        mode=Mode(mode),
        trigger=trigger,
        delay=delay,
        confirm_deletes=confirm_deletes,
        reserved_for=reserved_for,
    )
