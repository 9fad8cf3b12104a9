"""What a scope's last synchronisation saw of what carries no date: brands' names, categories' paths, the store's facts.

Batches and drains compare it with what they read now, to find the documents that took something from what changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from sync_pipeline.batches.models import SyncedKey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy.orm import Session

    from sync_pipeline.batches.ledger import Ledger

Seen = dict[str, dict[str, str]]


def remember(ledger: Ledger, scope: str, seen: Seen) -> None:
    """Replaces what is remembered of the kinds in ``seen``: by kind, each key's value."""
    exchange(ledger, scope, seen, lambda _: seen)


def exchange(ledger: Ledger, scope: str, kinds: Collection[str], change: Callable[[Seen], Seen]) -> Seen:
    """Replaces what is remembered of these kinds by what ``change`` makes of it; what it was. One transaction.

    One after the other for a scope: a batch and a drain may do so at the same moment.
    """
    with ledger.session() as session:
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"synced_keys {scope}", 0))))
        before = _recall(session, scope, kinds)
        rows = [
            {"scope": scope, "kind": kind, "key": key, "value": value}
            for kind, values in change(before).items()
            for key, value in values.items()
        ]
        session.execute(delete(SyncedKey).where(SyncedKey.scope == scope, SyncedKey.kind.in_(list(kinds))))
        if rows:
            session.execute(insert(SyncedKey), rows)
    return before


def recall(ledger: Ledger, scope: str, kinds: Collection[str]) -> Seen:
    """What was remembered last of these kinds, by kind and key."""
    with ledger.session() as session:
        return _recall(session, scope, kinds)


def _recall(session: Session, scope: str, kinds: Collection[str]) -> Seen:
    seen: Seen = {}
    query = select(SyncedKey.kind, SyncedKey.key, SyncedKey.value).where(
        SyncedKey.scope == scope, SyncedKey.kind.in_(list(kinds))
    )
    for kind, key, value in session.execute(query):
        seen.setdefault(kind, {})[key] = value
    return seen
