"""The schedules that a new store gets: everything anew each night, each hour what has changed, and a weekly verify."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from sync_pipeline.batches.cron import is_zone
from sync_pipeline.batches.requests import VERIFY, Ask, Mode
from sync_pipeline.batches.schedules import add_schedule
from sync_pipeline.pipelines.store_search.pipeline import PIPELINE
from sync_pipeline.pipelines.store_search.requests import recurring_request
from sync_pipeline.pipelines.store_search.types import BatchType

if TYPE_CHECKING:
    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.models import SyncSchedule

#: By the store's own clock, after the hour that clock changes leave out or repeat in most of the world.
NIGHT_HOUR = 3


def default_times(store_hash: str) -> dict[Mode, str]:
    """Returns the cron expression of each mode.

    The minutes are spread over the stores, and half an hour apart in each.
    """
    minute = zlib.crc32(store_hash.encode()) % 60
    return {Mode.FULL: f"{minute} {NIGHT_HOUR} * * *", Mode.INCREMENTAL: f"{(minute + 30) % 60} * * * *"}


def weekly_time(store_hash: str) -> str:
    """Returns the cron expression of the weekly verify.

    Two hours after the nightly batch, the stores spread over the week.
    """
    spread = zlib.crc32(store_hash.encode())
    return f"{spread % 60} {NIGHT_HOUR + 2} * * {spread // 60 % 7}"


def add_default_schedules(ledger: Ledger, store_hash: str, timezone: str | None) -> list[SyncSchedule]:
    """Adds them to the store, in its time zone if that is a known one, else in UTC."""
    zone = timezone if timezone and is_zone(timezone) else "UTC"
    recurring = [
        (recurring_request(store_hash, BatchType.ALL, mode=mode), cron)
        for mode, cron in default_times(store_hash).items()
    ]
    recurring.append((PIPELINE.verify_request(Ask(store_hash, VERIFY)), weekly_time(store_hash)))
    return [add_schedule(ledger, what, cron=cron, timezone=zone) for what, cron in recurring]
