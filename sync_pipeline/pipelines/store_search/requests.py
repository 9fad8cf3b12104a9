"""What may be asked of `store_search`: checked words in, a batch request out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sync_pipeline.batches.requests import BatchRequest, LaneName, Mode, Trigger
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.stores.stores import check_hash, store_scope
from sync_pipeline.pipelines.store_search.types import (
    EVENTS,
    KEY_PARTS,
    PIPELINE,
    TAKE_OVER,
    BatchType,
    Part,
    batch_type,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.batches.models import SyncSchedule
    from sync_pipeline.batches.requests import Ask

#: More are no selection: a full or incremental batch is cheaper.
MAX_IDS = 10_000

#: What a bare number means, by batch type.
NUMBER_WORDS = {BatchType.PRODUCT: "product", BatchType.CATEGORY: "category", BatchType.BLOG: "post"}


def request(ask: Ask) -> BatchRequest:
    """Checks what was asked for. Raises UsageError as ``store_request``, and for an unknown type or option."""
    if unknown := sorted(ask.options.keys() - {TAKE_OVER}):
        raise UsageError(f"option {unknown[0]!r} is unknown: {PIPELINE} has {TAKE_OVER}")
    take_over = ask.options.get(TAKE_OVER, False)
    if not isinstance(take_over, bool):
        raise UsageError(f"{TAKE_OVER} is true or false, not {take_over!r}")
    return store_request(
        ask.scope,
        batch_type(ask.type),
        mode=ask.mode,
        ids=ask.ids,
        trigger=ask.trigger,
        delay=ask.delay,
        confirm_deletes=ask.confirm_deletes,
        max_attempts=ask.max_attempts,
        take_over=take_over,
    )


def scheduled_request(schedule: SyncSchedule) -> BatchRequest:
    """Returns what a schedule of a store asks for each time. Raises UsageError as ``recurring_request``."""
    return recurring_request(schedule.scope.partition(":")[2], batch_type(schedule.type), mode=schedule.mode)


def store_request(
    store_hash: str,
    batch_type: BatchType,
    *,
    mode: str = Mode.FULL,
    ids: Sequence[str] | None = None,
    trigger: Trigger = Trigger.MANUAL,
    delay: timedelta = timedelta(),
    confirm_deletes: bool = False,
    reserved_for: str | None = None,
    max_attempts: int = 1,
    take_over: bool = False,
) -> BatchRequest:
    """Returns a request for a batch of the store; ``take_over``: it replaces indices that another ledger made.

    Raises UsageError for a malformed hash, mode or id, or a wrong combination.
    """
    if mode not in set(Mode):
        raise UsageError(f"mode {mode!r} is unknown: it is one of {', '.join(Mode)}")
    if mode != Mode.FULL and batch_type in {BatchType.STOP_WORDS, BatchType.SYNONYMS}:
        raise UsageError(f"mode {mode} is for records: {batch_type} batches have none")
    if (mode == Mode.SELECTIVE) != bool(ids):
        raise UsageError("mode selective and ids go together")
    if take_over and (batch_type is not BatchType.ALL or mode != Mode.FULL):
        raise UsageError("take-over replaces all indices of a store: it goes with type all and mode full")
    return BatchRequest(
        pipeline=PIPELINE,
        scope=store_scope(check_hash(store_hash)),
        type=batch_type.value,
        mode=Mode(mode),
        ids=None if not ids else document_keys(batch_type, ids),
        options={TAKE_OVER: True} if take_over else {},
        trigger=trigger,
        delay=delay,
        confirm_deletes=confirm_deletes,
        reserved_for=reserved_for,
        max_attempts=max_attempts,
    )


def events_request(store_hash: str) -> BatchRequest:
    """Returns the request for a drain: a batch that applies the store's webhook events."""
    return BatchRequest(
        pipeline=PIPELINE,
        scope=store_scope(check_hash(store_hash)),
        type=EVENTS,
        mode=Mode.INCREMENTAL,
        trigger=Trigger.WEBHOOK,
        lane=LaneName.EVENTS,
    )


def recurring_request(store_hash: str, batch_type: BatchType, *, mode: str = Mode.FULL) -> BatchRequest:
    """Returns what a schedule of the store asks for each time.

    Raises UsageError as ``store_request``, and for a selection.
    """
    if mode == Mode.SELECTIVE:
        raise UsageError("mode selective does not recur: a schedule is full or incremental")
    return store_request(store_hash, batch_type, mode=mode, trigger=Trigger.SCHEDULE)


def replay_request(scope: str, key: str) -> BatchRequest:
    """Returns the selective batch that delivers one document again. Raises UsageError for a key that names none."""
    part = KEY_PARTS.get(key.partition("-")[0])
    batch_type = next((one for one in NUMBER_WORDS if part in one.parts), None)
    if batch_type is None:
        raise UsageError(f"{key!r} names no record: run a full batch instead")
    return store_request(scope.partition(":")[2], batch_type, mode=Mode.SELECTIVE, ids=[key])


def document_keys(batch_type: BatchType, ids: Sequence[str]) -> list[str]:
    """Returns the document ids that a selection names: numbers of the type's records, or document ids such as `page-3`.

    Raises UsageError for anything else, and for a document of another type.
    """
    if len(ids) > MAX_IDS:
        raise UsageError(f"{len(ids)} ids are more than {MAX_IDS}: run a full or an incremental batch")
    return list(dict.fromkeys(_document_key(batch_type, one.strip()) for one in ids))


def _document_key(batch_type: BatchType, text: str) -> str:
    word, dash, number = text.rpartition("-")
    if not dash:
        word = NUMBER_WORDS.get(batch_type, "")
        if not word:
            raise UsageError(f"{text!r} could be anything in a batch of type {batch_type}: write it like `product-12`")
    part: Part | None = KEY_PARTS.get(word)
    if part is None or not (number.isascii() and number.isdecimal()) or not 0 < int(number) < 2**63:
        raise UsageError(f"{text!r} is no id: it is a number, or a document id such as `product-12` or `page-3`")
    if part not in batch_type.parts:
        raise UsageError(f"{text!r} does not belong to a batch of type {batch_type}")
    return f"{word}-{int(number)}"
