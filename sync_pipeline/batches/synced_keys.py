"""What a scope's last synchronisation saw of what carries no date: brands' names, categories' paths, the store's facts.

Batches and drains compare it with what they read now, to find the documents that took something from what changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from sync_pipeline.batches.models import SyncedKey

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sync_pipeline.batches.ledger import Ledger

Seen = dict[str, dict[str, str]]


def remember(ledger: Ledger, scope: str, seen: Mapping[str, Mapping[str, str]]) -> None:
    """Replaces what is remembered of the kinds in ``seen``: by kind, each key's value. One transaction.

    One after the other for a scope: a batch and a drain may do so at the same moment.
    """
    rows = [
        {"scope": scope, "kind": kind, "key": key, "value": value}
        for kind, values in seen.items()
        for key, value in values.items()
    ]
    with ledger.session() as session:
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"synced_keys {scope}", 0))))
        session.execute(delete(SyncedKey).where(SyncedKey.scope == scope, SyncedKey.kind.in_(list(seen))))
        if rows:
            session.execute(insert(SyncedKey), rows)


def recall(ledger: Ledger, scope: str, kinds: Collection[str]) -> Seen:
    """What was remembered last of these kinds, by kind and key."""
    seen: Seen = {}
    query = select(SyncedKey.kind, SyncedKey.key, SyncedKey.value).where(
        SyncedKey.scope == scope, SyncedKey.kind.in_(list(kinds))
    )
    with ledger.session() as session:
        for kind, key, value in session.execute(query):
            seen.setdefault(kind, {})[key] = value
    return seen
