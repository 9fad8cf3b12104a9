"""The schedules that a new store gets: everything anew each night, and each hour what has changed."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from sync_pipeline.batches.cron import is_zone
from sync_pipeline.batches.requests import Mode
from sync_pipeline.batches.schedules import add_schedule
from sync_pipeline.pipelines.store_search.requests import recurring_request
from sync_pipeline.pipelines.store_search.types import BatchType

if TYPE_CHECKING:
    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.models import SyncSchedule

#: By the store's own clock, after the hour that clock changes leave out or repeat in most of the world.
NIGHT_HOUR = 3


def default_times(store_hash: str) -> dict[Mode, str]:
    """The cron expression of each mode; the minutes are spread over the stores, and half an hour apart in each."""
    minute = zlib.crc32(store_hash.encode()) % 60
    return {Mode.FULL: f"{minute} {NIGHT_HOUR} * * *", Mode.INCREMENTAL: f"{(minute + 30) % 60} * * * *"}


def add_default_schedules(ledger: Ledger, store_hash: str, timezone: str | None) -> list[SyncSchedule]:
    """Adds them to the store, in its time zone if that is a known one, else in UTC."""
    zone = timezone if timezone and is_zone(timezone) else "UTC"
    return [
        add_schedule(ledger, recurring_request(store_hash, BatchType.ALL, mode=mode), cron=cron, timezone=zone)
        for mode, cron in default_times(store_hash).items()
    ]
