"""How many random schedules the tests of kills and interleavings try: the one place that reads `CHAOS_SCHEDULES`."""

from __future__ import annotations

import os


def schedules(default: int) -> int:
    """The number of schedules to try: `CHAOS_SCHEDULES` when it is set (`make chaos SCHEDULES=n`), else ``default``.

    Raises ValueError when it is set to something that is no positive number.
    """
    given = os.environ.get("CHAOS_SCHEDULES", "").strip()
    if not given:
        return default
    if not given.isdecimal() or int(given) < 1:
        raise ValueError(f"CHAOS_SCHEDULES is {given!r}, not a number of schedules")
    return int(given)
