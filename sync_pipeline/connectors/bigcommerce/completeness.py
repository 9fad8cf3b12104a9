"""Whether a listing can be believed to be whole. Pure.

A failed read is not an empty source: what a listing lacks will be deleted elsewhere, so a listing that gave fewer
records than it announced must be explained by deletions, and by no more of them than happen while one reads.
"""

from __future__ import annotations

#: Above both, a loss of records while reading is not believed.
MOST_LOST_RECORDS = 20
MOST_LOST_SHARE = 0.15


def is_plausible_loss(*, announced: int, recounted: int) -> bool:
    """Returns whether so many records may have been deleted while the listing was read."""
    return announced - recounted <= max(MOST_LOST_RECORDS, MOST_LOST_SHARE * announced)


def incompleteness(what: str, *, announced: int, recounted: int, read: int) -> str | None:
    """Returns why a listing of ``what`` that gave ``read`` records is not whole, or None if it is.

    ``announced`` is its total when it began, ``recounted`` how many of those records are still there at its end.
    """
    if read < min(announced, recounted):
        why = (
            f"of which {recounted:,} are still there, but gave {read:,}"
            if recounted < announced
            else f"but gave {read:,}"
        )
    elif not is_plausible_loss(announced=announced, recounted=recounted):
        why = f"and {recounted:,} at its end"
    else:
        return None
    return f"the listing of {what} announced {announced:,} records {why}: not taken as complete; try again later"
