"""BigCommerce's many date spellings as one: ISO 8601 in UTC, to the second (``2022-09-07T14:52:30Z``).

What belongs here: reading and writing points in time. What does not: which date of a record counts.

Seen or documented: ``2018-09-05T20:42:07+00:00``, ``2018-05-18T13:26:42+0000``, ``2018-05-18 08:26:42.000000`` beside a
time zone in an object, RFC 2822 on v2, and ``5/18/2023 1:26:42 PM`` in ``store_content.v2.yml``.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_AMERICAN = "%m/%d/%Y %I:%M:%S %p"


def parse_date(value: object) -> datetime | None:
    """Returns the point in time in UTC, or None for what cannot be read. A text without a zone is taken as UTC.

    ``value`` is a text or PHP's date object, ``{"date": …, "timezone": "+00:00" or a zone's name}``.
    """
    if isinstance(value, dict):
        return _in_utc(_parse_text(value.get("date")), zone=value.get("timezone"))
    return _in_utc(_parse_text(value))


def iso_utc(moment: datetime) -> str:
    """Returns ``moment`` as ``2022-09-07T14:52:30Z``; a fraction of a second is dropped."""
    return _written(moment.astimezone(UTC))


def iso_date(value: object) -> str | None:
    """Returns a loose date as ISO 8601 in UTC, or None for what cannot be read."""
    moment = parse_date(value)
    return None if moment is None else _written(moment)


def _written(moment: datetime) -> str:
    return moment.isoformat()[:19] + "Z"


def _parse_text(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        pass
    try:
        return datetime.strptime(text, _AMERICAN)  # noqa: DTZ007 - the zone, if there is one, stands beside it
    except ValueError:
        return None


def _in_utc(moment: datetime | None, *, zone: object = None) -> datetime | None:
    if moment is None:
        return None
    if moment.tzinfo is UTC:
        return moment
    try:
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=_zone(zone))
        return moment.astimezone(UTC)
    except OverflowError:  # the first and last day of the calendar
        return None


def _zone(name: object) -> tzinfo:
    if not isinstance(name, str):
        return UTC
    try:
        return datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo or UTC
    except ValueError:
        pass
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "America" is a folder
        return UTC
