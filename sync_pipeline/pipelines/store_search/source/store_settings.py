"""The store's own facts (currency, address) that documents were written with, as the ledger remembers them by writer.

An import remembers them when its whole index shows them, a drain before it writes a single document with them. What
belongs here: the comparison with the store as it is now. What does not: reading the store (store_source.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.batches.queue import at_work
from sync_pipeline.batches.requests import LaneName, Mode
from sync_pipeline.batches.synced_keys import recall
from sync_pipeline.pipelines.store_search.types import EVENTS, IMPORTS

if TYPE_CHECKING:
    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.synced_keys import Seen


def written_by(writer: str) -> str:
    """Returns the kind under which a writer's facts are remembered: an import's, or those of drains (EVENTS)."""
    return f"store of {writer}"


def needed_batch(ledger: Ledger, scope: str, facts: dict[str, str], *, told: bool) -> Mode | None:
    """Returns the mode of the batch that the store's present facts ask for, None if they need none.

    ``told``: an event says that they may have changed. ``facts`` must have been read after it came.
    """
    busy = bool(at_work(ledger, scope, LaneName.BULK))  # looked at first: a batch that ends now has remembered by then
    known = recall(ledger, scope, [written_by(writer) for writer in (*IMPORTS, EVENTS)])
    return mode_for(known, facts, told=told, busy=busy)


def mode_for(known: Seen, facts: dict[str, str], *, told: bool, busy: bool) -> Mode | None:
    """Returns the same, from what is ``known``; ``busy``: a batch is at work, and with which facts is not known yet.

    An incremental batch compares for itself what imports remember, so after one that is at work it is enough. What a
    drain wrote with other facts only a full batch finds. Where nothing is remembered, only a told change asks.
    """
    if known.get(written_by(EVENTS), facts) != facts:
        return Mode.FULL
    unknown = None if told else facts
    differs = any(known.get(written_by(part), unknown) != facts for part in IMPORTS)
    if busy:
        return Mode.INCREMENTAL if told or differs else None
    return Mode.FULL if differs else None
