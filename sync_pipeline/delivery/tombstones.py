"""Tombstones: which keys were found to be gone, and at which version, so that no older write brings them back.

They live in the ledger because destinations forget: Elasticsearch keeps the version of a deleted document for 60 s
(`index.gc_deletes`), a copy made inside the cluster knows nothing of it. A record that by rule is not for the
destination (hidden, draft) is as gone as a deleted one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, any_, delete, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, insert

from sync_pipeline.batches.models import Tombstone
from sync_pipeline.operations import Action, Filtered, Operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.parts import BatchPart

#: How long a tombstone is kept. Longer than any write can be under way, and than most stores go without a rebuild.
KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Tombstones:
    """The tombstones of one scope, as one batch lays and reads them."""

    ledger: Ledger
    scope: str
    batch_id: int

    @classmethod
    def of(cls, part: BatchPart) -> Tombstones:
        """Returns those that a part of a batch works with."""
        return cls(part.ledger, part.batch.scope, part.batch.id)

    def record_tombstones(self, items: Sequence[Operation[Any] | Filtered]) -> dict[str, int]:
        """Lays a tombstone for each delete and filtered record, before the destination hears of it.

        Returns the versions at which keys of the upserts among the items were found gone: an upsert that is older is
        stale, whatever the destination remembers. Tombstones that are older than all of them are left out.
        """
        gone: dict[str, int] = {}
        for item in items:
            if _is_gone(item):
                gone[item.key] = max(item.version, gone.get(item.key, 0))
        alive = [item for item in items if not _is_gone(item)]
        with self.ledger.session() as session:
            if gone:
                self._record(session, gone)
            if not alive:
                return {}
            found = session.execute(
                select(Tombstone.key, Tombstone.version).where(
                    Tombstone.scope == self.scope,
                    Tombstone.version > min(item.version for item in alive),
                    # One parameter: five hundred take longer to bind than to look up.
                    Tombstone.key == any_(literal([item.key for item in alive], ARRAY(Text))),
                )
            ).all()
        return {row.key: row.version for row in found}

    def _record(self, session: Session, gone: Mapping[str, int]) -> None:
        # In one order everywhere, so that two writers never wait for each other's rows.
        keys = sorted(gone)
        rows = select(
            literal(self.scope),
            func.unnest(literal(keys, ARRAY(Text))),
            func.unnest(literal([gone[key] for key in keys], ARRAY(BigInteger))),
            literal(self.batch_id),
            literal(self.ledger.clock.now()),
        )
        laid = insert(Tombstone).from_select(["scope", "key", "version", "batch_id", "deleted_at"], rows)
        newest = laid.excluded
        session.execute(
            laid.on_conflict_do_update(
                index_elements=[Tombstone.scope, Tombstone.key],
                set_={"version": newest.version, "batch_id": newest.batch_id, "deleted_at": newest.deleted_at},
                where=Tombstone.version < newest.version,
            )
        )

    def recorded_by_others(self, *, since: int) -> list[Operation[Any]]:
        """Returns the deletes that other batches made of keys found gone at version ``since`` or later, by key."""
        query = (
            select(Tombstone.key, Tombstone.version)
            .where(Tombstone.scope == self.scope, Tombstone.version >= since, Tombstone.batch_id != self.batch_id)
            .order_by(Tombstone.key)
        )
        with self.ledger.session() as session:
            return [Operation(key, version, Action.DELETE, absent=True) for key, version in session.execute(query)]

    def forget(self) -> int:
        """Removes the scope's tombstones that are older than ``KEPT``; how many there were."""
        old = delete(Tombstone).where(
            Tombstone.scope == self.scope, Tombstone.deleted_at < self.ledger.clock.now() - KEPT
        )
        with self.ledger.session() as session:
            return len(session.execute(old.returning(Tombstone.key)).all())


def _is_gone(item: Operation[Any] | Filtered) -> bool:
    return isinstance(item, Filtered) or item.action is Action.DELETE
