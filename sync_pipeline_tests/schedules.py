"""How many random schedules the tests of kills and interleavings try: the one place that reads `CHAOS_SCHEDULES`."""

from __future__ import annotations

import os

#: The interleavings of the suite. With another number of them, everything else is tried as much more or less often.
USUAL = 100


def is_long_run() -> bool:
    """Whether a number was asked for, as `make chaos` does: then tests that take minutes run too."""
    return bool(os.environ.get("CHAOS_SCHEDULES", "").strip())


def schedules(usual: int) -> int:
    """How often to try what the suite tries ``usual`` times; `make chaos SCHEDULES=n` sets the number.

    Raises ValueError when `CHAOS_SCHEDULES` is no positive number.
    """
    given = os.environ.get("CHAOS_SCHEDULES", "").strip() or str(USUAL)
    if not given.isdecimal() or int(given) < 1:
        raise ValueError(f"CHAOS_SCHEDULES is {given!r}, not a number of schedules")
    return max(1, round(usual * int(given) / USUAL))
