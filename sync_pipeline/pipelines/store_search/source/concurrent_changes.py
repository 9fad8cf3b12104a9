"""What a drain learnt of brands and categories while a batch read products: these may show what was true before.

A batch reads the names and paths once and the products for minutes, so a product that a drain has already brought up to
date may be written again as it was, with a newer version. What belongs here: noticing that, so that an incremental
batch finds such products. What does not: reading the facts (store_source.py) and finding the products
(imports/changes.py).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sync_pipeline.batches.requests import Mode, Trigger
from sync_pipeline.batches.synced_keys import exchange
from sync_pipeline.logs import Log
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.types import BatchType

if TYPE_CHECKING:
    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.batches.synced_keys import Seen

log = Log("sync_pipeline.store_search")


#: What products take from others.
TAKEN = ("brand", "category")


async def remember_taken(part: BatchPart, seen: Seen, known: Seen, *, whole: bool, retries: int) -> None:
    """Has the ledger remember the facts ``seen`` with which a batch wrote products.

    All of them if its products are the ``whole`` store; else only those that somebody else has had it remember
    otherwise since it remembered ``known``. Where there are such, an incremental batch is asked for, to be tried again
    ``retries`` times.
    """
    batch = part.batch
    before = await asyncio.to_thread(
        exchange, part.ledger, batch.scope, TAKEN, lambda now: seen if whole else _taken_back(now, seen, known)
    )
    if _learnt_meanwhile(before, seen, known):
        log.warning("batch requested", store=batch.store_hash, mode=Mode.INCREMENTAL, why="facts changed meanwhile")
        request = store_request(
            batch.store_hash or "",
            BatchType.PRODUCT,
            mode=Mode.INCREMENTAL,
            trigger=Trigger.WEBHOOK,
            max_attempts=1 + retries,
        )
        await asyncio.to_thread(part.ledger.request_unless_pending, request)


def _learnt_meanwhile(now: Seen, seen: Seen, known: Seen) -> list[tuple[str, str]]:
    """Returns the kinds and keys of which the ledger remembers ``now`` what is neither ``known`` nor ``seen``."""
    return [
        (kind, key)
        for kind in now.keys() | known.keys()
        for key in {*now.get(kind, {}), *known.get(kind, {})}
        if now.get(kind, {}).get(key) not in {known.get(kind, {}).get(key), seen.get(kind, {}).get(key)}
    ]


def _taken_back(now: Seen, seen: Seen, known: Seen) -> Seen:
    taken = {kind: dict(values) for kind, values in now.items()}
    for kind, key in _learnt_meanwhile(now, seen, known):
        of_kind = taken.setdefault(kind, {})
        of_kind.pop(key, None)
        if key in seen.get(kind, {}):
            of_kind[key] = seen[kind][key]
    return taken
