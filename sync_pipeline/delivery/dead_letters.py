"""Dead letters: records that could not be delivered, kept in the ledger with their reason until someone acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from sync_pipeline.batches.models import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.operations import Rejected

#: A payload longer than this is cut; the record can be read again from its source by its key.
MAX_PAYLOAD_BYTES = 256 * 1024


@dataclass(frozen=True)
class DeadLetters:
    """The dead letters of one scope, as one batch writes them."""

    ledger: Ledger
    pipeline: str
    scope: str
    batch_id: int

    def keep(self, rejected: Sequence[Rejected]) -> None:
        """Stores the records; one open dead letter a key: a repeated failure counts its attempts up."""
        now = self.ledger.clock.now()
        rows = [
            {
                "pipeline": self.pipeline,
                "scope": self.scope,
                "key": item.key,
                "version": item.version,
                "batch_id": self.batch_id,
                "reason": item.reason,
                "first_error": item.message,
                "last_error": item.message,
                "payload": item.payload[:MAX_PAYLOAD_BYTES],
                "created_at": now,
                "updated_at": now,
            }
            for item in {item.key: item for item in rejected}.values()
        ]
        statement = insert(DeadLetter)
        newest = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=[DeadLetter.pipeline, DeadLetter.scope, DeadLetter.key],
            index_where=text("state = 'open'"),
            set_={
                "version": newest.version,
                "batch_id": newest.batch_id,
                "reason": newest.reason,
                "last_error": newest.last_error,
                "payload": newest.payload,
                "attempts": DeadLetter.attempts + 1,
                "updated_at": newest.updated_at,
            },
        )
        with self.ledger.session() as session:
            session.execute(statement, rows)
