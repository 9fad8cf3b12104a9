"""What may be asked of the ledger: who asks, how much, and the request itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


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


@dataclass(frozen=True)
class BatchRequest:
    """What is asked for. ``scope`` names what is synchronised (`store:abc`), ``type`` what of it."""

    pipeline: str
    scope: str
    type: str
    store_hash: str | None = None
    mode: Mode = Mode.FULL
    trigger: Trigger = Trigger.MANUAL
    ids: Sequence[str] | None = None
    delay: timedelta = timedelta()
    confirm_deletes: bool = False
    #: The run that will claim it; the queue leaves a reserved batch alone.
    reserved_for: str | None = None
    #: The lane that its run holds; None where it writes nothing, or its claims fence themselves.
    lane: LaneName | None = LaneName.BULK
    #: The schedule that it is for: its end moves that schedule's next run.
    schedule_id: int | None = None
    #: Up to which attempt the ledger makes it pending again by itself.
    max_attempts: int = 1
    #: What else is asked for, in the pipeline's own words and checked by it.
    options: dict[str, Any] = field(default_factory=dict)
