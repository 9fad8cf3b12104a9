"""The query parameters of one request, read as the types that the endpoints declare.

A value of the wrong type raises ApiError 422 with the parameter's name; the endpoint's dialect decides how it is told.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from sync_pipeline.sandboxes.bigcommerce.errors import ApiError, UnknownParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable

FLAGS = {"true": True, "1": True, "false": False, "0": False}


class Query:
    """The parameters by name (the last of a repeated name counts)."""

    def __init__(self, text: str = "") -> None:
        self.values = dict(parse_qsl(text, keep_blank_values=True))

    def allow(self, names: Iterable[str]) -> None:
        """Raises UnknownParameterError for parameters other than ``names``."""
        unknown = sorted(set(self.values) - set(names))
        if unknown:
            raise UnknownParameterError(unknown)

    def number(self, name: str, default: int = 0, *, least: int | None = None, most: int | None = None) -> int:
        """Returns an integer within bounds."""
        text = self.values.get(name)
        if text is None:
            return default
        value = self._int(name, text)
        if (least is not None and value < least) or (most is not None and value > most):
            raise invalid(name, f"must be between {least} and {most}" if most else f"must be at least {least}")
        return value

    def numbers(self, name: str) -> list[int] | None:
        """Returns a comma-separated list of integers, or None when absent."""
        text = self.values.get(name)
        return None if text is None else [self._int(name, part) for part in text.split(",") if part.strip()]

    def words(self, name: str) -> list[str] | None:
        """Returns a comma-separated list of words, or None when absent."""
        text = self.values.get(name)
        return None if text is None else [part.strip() for part in text.split(",") if part.strip()]

    def flag(self, name: str) -> bool | None:
        """Returns a boolean (true, false, 1, 0), or None when absent."""
        text = self.values.get(name)
        if text is None:
            return None
        if text.lower() not in FLAGS:
            raise invalid(name, "must be a boolean")
        return FLAGS[text.lower()]

    def instant(self, name: str, now: float) -> float | None:
        """Returns a date as epoch seconds, or None when absent: ISO 8601, RFC 2822 or epoch seconds.

        A date without a time gets the time of day of the request (the products specification says so of
        `date_modified:min`), so a whole-day filter silently misses that day's morning.
        """
        text = self.values.get(name)
        if text is None:
            return None
        try:
            return parse_instant(text, now)
        except ValueError:
            raise invalid(name, "must be a date") from None

    def link(self, page: int, limit: int) -> str:
        """Returns this query string at another page."""
        others = {name: value for name, value in self.values.items() if name not in {"page", "limit"}}
        return "?" + urlencode({**others, "page": page, "limit": limit}, safe=":,")

    @staticmethod
    def _int(name: str, text: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise invalid(name, "must be an integer") from None


def invalid(name: str, reason: str) -> ApiError:
    """Returns the refusal of one parameter's value."""
    return ApiError(422, "JSON data is missing or invalid", errors={name: reason})


def parse_instant(text: str, now: float) -> float:
    """Epoch seconds of a date in one of the accepted spellings; raises ValueError."""
    if text.isdigit() and len(text) > 8:
        return float(text)
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except ValueError:
        moment = parsedate_to_datetime(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if len(text) <= len("2025-01-15"):
        of_day = datetime.fromtimestamp(now, UTC)
        moment = moment.replace(hour=of_day.hour, minute=of_day.minute, second=of_day.second)
    return moment.timestamp()
