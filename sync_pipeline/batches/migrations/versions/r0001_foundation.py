"""The foundation: stores, batches and attempts, lanes, dead letters, stop words and synonym rules.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

SCHEMA = "sync_pipeline"
WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("record_version", schema=SCHEMA)))
    op.create_table(
        "stores",
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False, server_default="en"),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("webhook_secret", sa.Text),
        sa.Column("client_secret", sa.Text),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("updated_at", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_stores"),
        schema=SCHEMA,
    )
    op.create_table(
        "sync_batches",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("store_hash", sa.Text),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False, server_default="full"),
        sa.Column("ids", JSONB(none_as_null=True)),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="pending"),
        sa.Column("is_scheduled", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("next_run_at", WHEN),
        sa.Column("not_before", WHEN),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="1"),
        sa.Column("dagster_run_id", sa.Text),
        sa.Column("requested_at", WHEN, nullable=False),
        sa.Column("started_at", WHEN),
        sa.Column("finished_at", WHEN),
        sa.Column("heartbeat_at", WHEN),
        sa.Column("confirm_deletes", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("planned", JSONB(none_as_null=True)),
        sa.Column("counts", JSONB(none_as_null=True), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("progress", JSONB(none_as_null=True), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("error", JSONB(none_as_null=True)),
        sa.PrimaryKeyConstraint("id", name="pk_sync_batches"),
        sa.CheckConstraint(
            "status IN ('pending', 'processing', 'completed', 'failed')", name=op.f("ck_sync_batches_status")
        ),
        sa.CheckConstraint("trigger IN ('manual', 'api', 'schedule', 'webhook')", name=op.f("ck_sync_batches_trigger")),
        sa.CheckConstraint("mode IN ('full', 'incremental', 'selective')", name=op.f("ck_sync_batches_mode")),
        schema=SCHEMA,
    )
    op.create_index("ix_sync_batches_status_requested_at", "sync_batches", ["status", "requested_at"], schema=SCHEMA)
    op.create_index(
        "ix_sync_batches_store_hash_requested_at", "sync_batches", ["store_hash", "requested_at"], schema=SCHEMA
    )
    op.create_index("uq_sync_batches_dagster_run_id", "sync_batches", ["dagster_run_id"], unique=True, schema=SCHEMA)
    op.create_table(
        "batch_attempts",
        sa.Column("batch_id", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("dagster_run_id", sa.Text),
        sa.Column("started_at", WHEN),
        sa.Column("finished_at", WHEN),
        sa.Column("counts", JSONB(none_as_null=True), nullable=False),
        sa.Column("error", JSONB(none_as_null=True)),
        sa.PrimaryKeyConstraint("batch_id", "attempt", name="pk_batch_attempts"),
        sa.ForeignKeyConstraint(
            ["batch_id"], [f"{SCHEMA}.sync_batches.id"], name="fk_batch_attempts_batch_id", ondelete="CASCADE"
        ),
        schema=SCHEMA,
    )
    op.create_table(
        "scope_locks",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.Text),
        sa.Column("expires_at", WHEN),
        sa.PrimaryKeyConstraint("scope", "lane", name="pk_scope_locks"),
        schema=SCHEMA,
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("batch_id", sa.BigInteger),
        sa.Column("state", sa.Text, nullable=False, server_default="open"),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("first_error", sa.Text, nullable=False),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="1"),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("updated_at", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dead_letters"),
        schema=SCHEMA,
    )
    op.create_index(
        "uq_dead_letters_open",
        "dead_letters",
        ["pipeline", "scope", "key"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("state = 'open'"),
    )
    for table, column in (("stop_words", "word"), ("synonym_rules", "rule")):
        op.create_table(
            table,
            sa.Column("store_hash", sa.Text, nullable=False),
            sa.Column(column, sa.Text, nullable=False),
            sa.Column("created_at", WHEN, nullable=False),
            sa.PrimaryKeyConstraint("store_hash", column, name=f"pk_{table}"),
            sa.ForeignKeyConstraint(
                ["store_hash"], [f"{SCHEMA}.stores.hash"], name=f"fk_{table}_store_hash", ondelete="CASCADE"
            ),
            schema=SCHEMA,
        )
