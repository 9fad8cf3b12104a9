"""The ledger's record versions, moved ahead of what a destination has. `Ledger.next_version` draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sync_pipeline.batches.ledger import Ledger

#: How far beyond the highest known version the next ones begin. What was deleted shows no version, and Elasticsearch
#: refuses older writes of it for a while (`gc_deletes`, 15 minutes): far fewer than these are drawn meanwhile.
HEADROOM = 1_000_000

_IS_AHEAD = text("SELECT last_value + is_called::int > :highest FROM sync_pipeline.record_version")
# Never lower, although others draw between the look and the setting: they would have to draw HEADROOM. Of two who raise
# at once, the second looks after the first.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('record_version', 0))")
_RAISE = text("""
SELECT setval('sync_pipeline.record_version', :highest + :headroom) FROM sync_pipeline.record_version
WHERE last_value + is_called::int <= :highest
""")


def is_ahead(ledger: Ledger, highest: int) -> bool:
    """Returns whether every version that is drawn from now on is larger than ``highest``."""
    with ledger.session() as session:
        return bool(session.scalar(_IS_AHEAD, {"highest": highest}))


def raise_versions(ledger: Ledger, highest: int) -> bool:
    """Makes every version that is drawn from now on larger than ``highest``; returns whether that changed anything.

    It does when the ledger has gone back in time: restored from a backup, it would draw numbers again that it drew.
    """
    with ledger.session() as session:
        if session.scalar(_IS_AHEAD, {"highest": highest}):
            return False
        session.execute(_LOCK)
        return session.scalar(_RAISE, {"highest": highest, "headroom": HEADROOM}) is not None
