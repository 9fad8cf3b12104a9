"""What a scope's last synchronisation saw of what carries no date: brands' names, categories' paths, the store's facts.

Batches and drains compare it with what they read now, to find the documents that took something from what changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, text

from sync_pipeline.batches.models import SyncedKey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from sqlalchemy.orm import Session

    from sync_pipeline.batches.ledger import Ledger

Seen = dict[str, dict[str, str]]

_FORGET = text("""
DELETE FROM sync_pipeline.synced_keys AS known
USING unnest(CAST(:kinds AS text[]), CAST(:keys AS text[])) AS gone (kind, key)
WHERE known.scope = :scope AND known.kind = gone.kind AND known.key = gone.key
""")
_REMEMBER = text("""
INSERT INTO sync_pipeline.synced_keys (scope, kind, key, value)
SELECT :scope, seen.* FROM unnest(CAST(:kinds AS text[]), CAST(:keys AS text[]), CAST(:values AS text[])) AS seen
ON CONFLICT (scope, kind, key) DO UPDATE SET value = excluded.value
""")


def remember(ledger: Ledger, scope: str, seen: Seen) -> None:
    """Replaces what is remembered of the kinds in ``seen``: by kind, each key's value."""
    exchange(ledger, scope, seen, lambda _: seen)


def exchange(ledger: Ledger, scope: str, kinds: Collection[str], change: Callable[[Seen], Seen]) -> Seen:
    """Replaces what is remembered of these kinds by what ``change`` makes of it; what it was. One transaction.

    Writes only keys that differ. One after the other for a scope: a batch and a drain may do so at the same moment.
    """
    with ledger.session() as session:
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"synced_keys {scope}", 0))))
        before = _recall(session, scope, kinds)
        was, becomes = _flat(before), _flat(change(before))
        if gone := was.keys() - becomes.keys():
            session.execute(_FORGET, {"scope": scope, **_columns(gone)})
        if changed := {key: value for key, value in becomes.items() if was.get(key) != value}:
            session.execute(_REMEMBER, {"scope": scope, **_columns(changed), "values": list(changed.values())})
    return before


def recall(ledger: Ledger, scope: str, kinds: Collection[str]) -> Seen:
    """Returns what was remembered last of these kinds, by kind and key."""
    with ledger.session() as session:
        return _recall(session, scope, kinds)


def forget(ledger: Ledger, kinds: Collection[str]) -> None:
    """Forgets what is remembered of these kinds, in every scope."""
    with ledger.session() as session:
        session.execute(delete(SyncedKey).where(SyncedKey.kind.in_(list(kinds))))


def _recall(session: Session, scope: str, kinds: Collection[str]) -> Seen:
    seen: Seen = {}
    query = select(SyncedKey.kind, SyncedKey.key, SyncedKey.value).where(
        SyncedKey.scope == scope, SyncedKey.kind.in_(list(kinds))
    )
    for kind, key, value in session.execute(query):
        seen.setdefault(kind, {})[key] = value
    return seen


def _flat(seen: Seen) -> dict[tuple[str, str], str]:
    return {(kind, key): value for kind, values in seen.items() for key, value in values.items()}


def _columns(keys: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    return {"kinds": [kind for kind, _ in keys], "keys": [key for _, key in keys]}
