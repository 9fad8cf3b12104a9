"""BigCommerce's loose numbers (number, decimal text, empty, null) as Python numbers.

What belongs here: reading one number. What does not: what it means (0 as unset is a rule of prices.py).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync_pipeline.connectors.bigcommerce.records import Number

_INT64 = 2**63


def as_float(value: Number) -> float | None:
    """Returns the number as a finite float, or None for null, empty text and what is not finite."""
    if isinstance(value, str):
        value = value.strip()
    if value is None or value == "":
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def as_int(value: Number) -> int | None:
    """Returns the number without its fraction, or None for null, empty text and what no 64-bit integer holds."""
    if isinstance(value, int):
        return value
    number = as_float(value)
    return int(number) if number is not None and -_INT64 <= number < _INT64 else None
