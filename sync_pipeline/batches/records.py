"""Reading batches: one by its number or run, the newest, the attempts of one.

What belongs here: the connection to PostgreSQL and what asks it without changing anything. What does not: every change
of a batch (ledger.py), and the figures over all of them (stats.py).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from sync_pipeline.batches.database import reachable
from sync_pipeline.batches.models import BatchAttempt, SyncBatch
from sync_pipeline.clock import Clock, SystemClock
from sync_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sync_pipeline.batches.states import Status


class BatchNotFoundError(UsageError):
    """The ledger has no such batch."""

    kind = "batch_not_found"


@dataclass(frozen=True)
class BatchRecords:
    """Batches as they stand in PostgreSQL. Each method is one short transaction."""

    engine: Engine
    clock: Clock = field(default_factory=SystemClock)
    #: What the scopes of each pipeline begin with (`store`), by pipeline; those of others begin with something else.
    nouns: Mapping[str, str] = field(default_factory=dict)
    #: Seconds that a statement waits for a row that others hold; None for the connection's own bound.
    lock_timeout: float | None = None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yields one transaction. Raises LedgerUnavailableError when PostgreSQL is away, read-only or not set up."""
        with reachable(self.engine), Session(self.engine, expire_on_commit=False) as session, session.begin():
            if self.lock_timeout is not None:
                session.execute(text(f"SET LOCAL lock_timeout = {round(self.lock_timeout * 1000)}"))
            yield session

    def get(self, batch_id: int) -> SyncBatch:
        """Returns the batch. Raises BatchNotFoundError."""
        row = self.find(batch_id)
        if row is None:
            raise BatchNotFoundError(
                f"batch {batch_id} does not exist: `sync-pipeline batches list` shows those there are"
            )
        return row

    def find(self, batch_id: int) -> SyncBatch | None:
        """Returns the batch, if there is one."""
        with self.session() as session:
            return session.get(SyncBatch, batch_id)

    def of_run(self, run_id: str) -> SyncBatch | None:
        """Returns the batch that the Dagster run holds or held, if any."""
        with self.session() as session:
            return session.scalar(select(SyncBatch).where(SyncBatch.dagster_run_id == run_id))

    def list(
        self,
        *,
        pipeline: str | None = None,
        scope: str | None = None,
        status: Status | None = None,
        limit: int = 50,
    ) -> Sequence[SyncBatch]:
        """Returns the newest batches first."""
        query = select(SyncBatch).order_by(SyncBatch.id.desc()).limit(limit)
        if pipeline is not None:
            query = query.where(SyncBatch.pipeline == pipeline)
        if scope is not None:
            query = query.where(SyncBatch.scope == scope)
        if status is not None:
            query = query.where(SyncBatch.status == status.value)
        with self.session() as session:
            return session.scalars(query).all()

    def attempts(self, batch_id: int) -> Sequence[BatchAttempt]:
        """Returns the finished attempts of a batch, oldest first."""
        query = select(BatchAttempt).where(BatchAttempt.batch_id == batch_id).order_by(BatchAttempt.attempt)
        with self.session() as session:
            return session.scalars(query).all()
