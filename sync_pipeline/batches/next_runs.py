"""When a schedule runs next, set in the transaction that ends a batch of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.batches.cron import CronError, next_run
from sync_pipeline.batches.models import SyncSchedule
from sync_pipeline.logs import Log

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

log = Log("sync_pipeline.batches")


def lock_schedule(session: Session, schedule_id: int | None) -> SyncSchedule | None:
    """Returns the schedule, locked, if there is (still) one. Taken before its batch is, by all who change both."""
    return None if schedule_id is None else session.get(SyncSchedule, schedule_id, with_for_update=True)


def move_on(schedule: SyncSchedule, now: datetime) -> datetime | None:
    """Sets the schedule's next run after ``now``, at the end of a batch of it.

    One whose time cannot be told any more (its zone is gone from this machine) is made inactive: its batch must end.
    """
    try:
        schedule.next_run_at = next_run(schedule.cron, schedule.timezone, now)
    except CronError as error:
        log.error("schedule made inactive", schedule=schedule.id, scope=schedule.scope, error=str(error))
        schedule.active = False
        return None
    return schedule.next_run_at
