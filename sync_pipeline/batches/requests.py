"""What may be asked of the ledger: who asks, how much, and the request itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sync_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

#: The noun of the one pipeline whose scopes the ledger also has in a column of their own.
STORE_NOUN = "store"


class Trigger(StrEnum):
    """Who asked. Only `schedule` moves a schedule's next run."""

    MANUAL = "manual"
    API = "api"
    SCHEDULE = "schedule"
    WEBHOOK = "webhook"


class LaneName(StrEnum):
    """`bulk`: full, incremental, reindex, repair. `events`: the drain."""

    BULK = "bulk"
    EVENTS = "events"


class Mode(StrEnum):
    """How much of the scope a batch covers."""

    FULL = "full"
    INCREMENTAL = "incremental"
    SELECTIVE = "selective"


#: The type of the batches that compare a destination with its source; every pipeline that can has it.
VERIFY = "verify"
#: The type of the batches that a person started for parts that make up no type of the pipeline: option `parts`.
SELECTION = "selection"


class Level(StrEnum):
    """How closely a verify batch looks: at stored fingerprints, all content, or what is dear to look at besides."""

    FAST = "fast"
    CONTENT = "content"
    DEEP = "deep"


@dataclass(frozen=True)
class Ask:
    """What a person, a program or a form asks of a pipeline, unchecked: the pipeline makes a request of it.

    ``scope`` is without its noun (`abc`); ``options`` are the pipeline's own.
    """

    scope: str
    type: str
    mode: str = Mode.FULL
    ids: Sequence[str] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    trigger: Trigger = Trigger.MANUAL
    delay: timedelta = timedelta()
    confirm_deletes: bool = False
    dry_run: bool = False
    max_attempts: int = 1


@dataclass(frozen=True)
class BatchRequest:
    """What is asked for. ``scope`` names what is synchronised (`store:abc`), ``type`` what of it."""

    pipeline: str
    scope: str
    type: str
    mode: Mode = Mode.FULL
    trigger: Trigger = Trigger.MANUAL
    ids: Sequence[str] | None = None
    #: In the pipeline's own words, checked by it.
    options: Mapping[str, Any] = field(default_factory=dict)
    delay: timedelta = timedelta()
    confirm_deletes: bool = False
    #: Whether it only tells what it would do.
    dry_run: bool = False
    #: The run that will claim it; the queue leaves a reserved batch alone.
    reserved_for: str | None = None
    #: The lane that its run holds; None when it writes nothing, or its claims fence themselves.
    lane: LaneName | None = LaneName.BULK
    #: The schedule that it is for: its end moves that schedule's next run.
    schedule_id: int | None = None
    #: Up to which attempt the ledger makes it pending again by itself.
    max_attempts: int = 1

    @property
    def store_hash(self) -> str | None:
        """The store of a store's scope: the ledger's column of that name, for those who look there."""
        noun, _, name = self.scope.partition(":")
        return name if noun == STORE_NOUN else None


def checked_request(ask: Ask, *, pipeline: str, noun: str, types: Collection[str]) -> BatchRequest:
    """Makes the request of a pipeline that has nothing of its own to check.

    Raises UsageError for an unknown type or mode, for options, and for ids without mode selective or the other way.
    """
    if ask.type not in types:
        raise UsageError(f"type {ask.type!r} is unknown: it is one of {', '.join(types)}")
    if ask.mode not in set(Mode):
        raise UsageError(f"mode {ask.mode!r} is unknown: it is one of {', '.join(Mode)}")
    if (ask.mode == Mode.SELECTIVE) != bool(ask.ids):
        raise UsageError("mode selective and ids go together")
    if ask.options:
        raise UsageError(f"option {next(iter(ask.options))!r} is unknown: {pipeline} has none")
    return BatchRequest(
        pipeline=pipeline,
        scope=f"{noun}:{ask.scope}",
        type=ask.type,
        mode=Mode(ask.mode),
        trigger=ask.trigger,
        ids=ask.ids,
        delay=ask.delay,
        confirm_deletes=ask.confirm_deletes,
        max_attempts=ask.max_attempts,
    )
