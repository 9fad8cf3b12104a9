"""The ledger's tables (schema `sync_pipeline`) as SQLAlchemy models: columns and constraints, no behaviour.

Every change here comes with an Alembic revision in migrations/; a test compares the two.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from sync_pipeline.batches.base import Base
from sync_pipeline.batches.states import Status


class SyncSchedule(Base):
    """A recurring batch of a scope: when (``cron`` in ``timezone``), and what."""

    __tablename__ = "sync_schedules"
    __table_args__ = (
        CheckConstraint("mode IN ('full', 'incremental')", name="mode"),
        UniqueConstraint("pipeline", "scope", "type", "mode", "cron", "timezone", name="uq_sync_schedules_alike"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    pipeline: Mapped[str]
    scope: Mapped[str]
    store_hash: Mapped[str | None]
    type: Mapped[str]
    mode: Mapped[str] = mapped_column(server_default="full")
    cron: Mapped[str]
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    #: Why the pipeline lets it rest (`uninstalled`); None when it does not.
    paused_reason: Mapped[str | None]
    #: When its next batch is due; moved when its batch ends, however it ends.
    next_run_at: Mapped[datetime]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class SyncBatch(Base):
    """One requested synchronisation of one scope, from request to end."""

    __tablename__ = "sync_batches"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'processing', 'completed', 'failed')", name="status"),
        CheckConstraint("trigger IN ('manual', 'api', 'schedule', 'webhook')", name="trigger"),
        CheckConstraint("mode IN ('full', 'incremental', 'selective')", name="mode"),
        CheckConstraint("lane IN ('bulk', 'events')", name="lane"),
        Index(None, "status", "requested_at"),
        Index(None, "store_hash", "requested_at"),
        Index("uq_sync_batches_dagster_run_id", "dagster_run_id", unique=True),
        Index("ix_sync_batches_scope_id", "scope", text("id DESC")),
        Index(
            "ix_sync_batches_unfinished",
            *("pipeline", "lane", "scope"),
            postgresql_where=text("status IN ('pending', 'processing')"),
        ),
        Index("ix_sync_batches_schedule_id", "schedule_id"),
        Index("ix_sync_batches_retryable", "id", postgresql_where=text("status = 'failed' AND attempt < max_attempts")),
        Index(
            "uq_sync_batches_while_pending",
            *("pipeline", "scope", "type", "mode"),
            unique=True,
            postgresql_where=text("status = 'pending' AND unique_while_pending"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    pipeline: Mapped[str]
    scope: Mapped[str]
    store_hash: Mapped[str | None]
    #: The lane of the scope that its run holds; None for one that writes nothing, or whose claims fence themselves.
    lane: Mapped[str | None]
    type: Mapped[str]
    mode: Mapped[str] = mapped_column(server_default="full")
    ids: Mapped[list[str] | None]
    #: What else was asked for, in the pipeline's own words, and checked by it.
    options: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    #: Asked for unless one alike waits already: there is never a second one pending.
    unique_while_pending: Mapped[bool] = mapped_column(server_default=text("false"))
    trigger: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=Status.PENDING.value)
    is_scheduled: Mapped[bool] = mapped_column(server_default=text("false"))
    schedule_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("sync_schedules.id", ondelete="SET NULL"))
    #: When its schedule runs next, as its end set it.
    next_run_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    attempt: Mapped[int] = mapped_column(server_default="1")
    #: Up to which attempt the ledger itself makes it pending again when it failed for a reason that may pass.
    max_attempts: Mapped[int] = mapped_column(server_default="1")
    dagster_run_id: Mapped[str | None]
    #: The process that executes the run (executors.py).
    executor: Mapped[str | None]
    requested_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    #: The last sign of life of its run, from the reservation on, by PostgreSQL's clock.
    heartbeat_at: Mapped[datetime | None]
    #: Whether deletes beyond the guard's bound were confirmed by whoever asked.
    confirm_deletes: Mapped[bool] = mapped_column(server_default=text("false"))
    #: Whether it only tells what it would do: it holds no lane, writes nothing, and is no success of the scope.
    dry_run: Mapped[bool] = mapped_column(server_default=text("false"))
    #: The parts that the run plans (asset names), known from the claim on.
    planned: Mapped[list[str] | None]
    #: Books and figures by part, written as each part ends.
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    #: Running figures by part, written with the heartbeat.
    progress: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    #: `{kind, message, part, store, exit_status, retry, at}` of the failure.
    error: Mapped[dict[str, Any] | None]


class BatchAttempt(Base):
    """One finished attempt of a batch, kept when the row itself goes on to the next."""

    __tablename__ = "batch_attempts"

    batch_id: Mapped[int] = mapped_column(ForeignKey("sync_batches.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str]
    dagster_run_id: Mapped[str | None]
    executor: Mapped[str | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    counts: Mapped[dict[str, Any]]
    error: Mapped[dict[str, Any] | None]


class ScopeLock(Base):
    """A lane of a scope. The row stays for ever, so that its token only grows."""

    __tablename__ = "scope_locks"

    scope: Mapped[str] = mapped_column(primary_key=True)
    lane: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[int] = mapped_column(BigInteger)
    holder: Mapped[str | None]
    #: By PostgreSQL's clock.
    expires_at: Mapped[datetime | None]
    #: How many writes and acknowledgements of holders that were too late the fence refused.
    refused: Mapped[int] = mapped_column(server_default="0")


class DeadLetter(Base):
    """A record that could not be delivered, kept with its reason."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        Index("uq_dead_letters_open", "pipeline", "scope", "key", unique=True, postgresql_where=text("state = 'open'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    pipeline: Mapped[str]
    scope: Mapped[str]
    key: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    batch_id: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(server_default="open")
    reason: Mapped[str]
    first_error: Mapped[str]
    last_error: Mapped[str]
    attempts: Mapped[int] = mapped_column(server_default="1")
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Tombstone(Base):
    """A key of a scope that was found gone from its source at a version: no older write may bring it back."""

    __tablename__ = "tombstones"
    __table_args__ = (Index(None, "scope", "version"),)

    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    batch_id: Mapped[int] = mapped_column(BigInteger)
    deleted_at: Mapped[datetime]


class SyncedKey(Base):
    """What a scope's last synchronisation saw of what has no date of its own.

    ``value`` is what documents took from it. Of ``kind`` brand and category: the name, the full path (empty when there
    is none); of a writer's kind (store_search/source/store_settings.py): a fact of the store itself.
    """

    __tablename__ = "synced_keys"

    scope: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class LedgerIdentity(Base):
    """Who this ledger is: one row, made with the table, that a backup takes along."""

    __tablename__ = "ledger_identity"
    __table_args__ = (CheckConstraint("only_row", name="only_row"),)

    only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    id: Mapped[str] = mapped_column(Uuid(as_uuid=False))
    #: Whether what carries no mark of a ledger was made by this one: it had stores before there were marks.
    owns_unmarked: Mapped[bool]
    created_at: Mapped[datetime]
