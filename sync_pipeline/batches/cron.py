"""When a cron expression fires next, in a time zone, also across the nights on which clocks change. Pure.

As Debian's cron: a time that a night leaves out comes as soon as the clock has passed it, one that a night has twice
comes once; an expression with a wildcard for its hour goes by the hours that really pass.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from sync_pipeline.errors import UsageError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = "minute hour day-of-month month day-of-week"
MAX_LENGTH = 200


class CronError(UsageError):
    """The expression is malformed or never fires, or the time zone is unknown."""

    kind = "cron"


def next_run(cron: str, timezone: str, after: datetime) -> datetime:
    """Returns the first time after ``after`` at which ``cron`` fires, in UTC. Raises CronError."""
    return next_runs(cron, timezone, after, 1)[0]


def next_runs(cron: str, timezone: str, after: datetime, count: int) -> list[datetime]:
    """Returns the next ``count`` times. Raises CronError, also when there are not so many in the coming decades."""
    runs = list(islice(_runs(cron, zone(timezone), after), count))
    if len(runs) < count:
        raise CronError(f"cron {cron!r} never fires")
    return runs


def last_run(cron: str, timezone: str, before: datetime) -> datetime | None:
    """Returns the last time before ``before`` at which ``cron`` fired, in UTC; None when it never did.

    Raises CronError.
    """
    fires = _simulated(cron, before.astimezone(zone(timezone)), reverse=True)
    return next((moment for fired in fires if (moment := fired.astimezone(UTC)) < before), None)


def zone(name: str) -> ZoneInfo:
    """Returns the time zone of that name. Raises CronError when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such file, no such key, a folder (`Europe`)
        raise CronError(f"time zone {name[:80]!r} is unknown: write it like `Europe/Berlin` or `UTC`") from None


def is_zone(name: str | None) -> bool:
    """Returns whether there is a time zone of that name."""
    try:
        zone(name or "")
    except CronError:
        return False
    return True


def _runs(cron: str, where: ZoneInfo, after: datetime) -> Iterator[datetime]:
    for fired in _simulated(cron, after.astimezone(where)):
        # In the second of two like hours it counts the first one's times as still to come.
        if (moment := fired.astimezone(UTC)) > after:
            yield moment


def _simulated(cron: str, start: datetime, *, reverse: bool = False) -> CronSim:
    if len(cron) > MAX_LENGTH or len(cron.split()) != len(FIELDS.split()):
        raise CronError(f"cron {one_line(cron, 80)!r} does not have the five fields `{FIELDS}`")
    try:
        return CronSim(cron, start, reverse=reverse)
    except CronSimError as error:
        reason = str(error).lower()
        raise CronError(f"cron {cron!r} is malformed or never fires: {reason}, of the fields `{FIELDS}`") from None
