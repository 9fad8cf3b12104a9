"""Schedules, webhook events, and what batches need to recur: a lane, their schedule, attempts that the ledger makes.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

SCHEMA = "sync_pipeline"
WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("stores", sa.Column("webhook_url", sa.Text), schema=SCHEMA)
    op.add_column("stores", sa.Column("uninstalled_at", WHEN), schema=SCHEMA)
    op.create_table(
        "sync_schedules",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("store_hash", sa.Text),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False, server_default="full"),
        sa.Column("cron", sa.Text, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False, server_default="UTC"),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column("next_run_at", WHEN, nullable=False),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("updated_at", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sync_schedules"),
        sa.ForeignKeyConstraint(
            ["store_hash"], [f"{SCHEMA}.stores.hash"], name="fk_sync_schedules_store_hash", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("pipeline", "scope", "type", "mode", "cron", "timezone", name="uq_sync_schedules_alike"),
        sa.CheckConstraint("mode IN ('full', 'incremental')", name=op.f("ck_sync_schedules_mode")),
        schema=SCHEMA,
    )
    op.add_column("sync_batches", sa.Column("lane", sa.Text, nullable=False, server_default="bulk"), schema=SCHEMA)
    op.add_column("sync_batches", sa.Column("schedule_id", sa.BigInteger), schema=SCHEMA)
    op.add_column(
        "sync_batches", sa.Column("max_attempts", sa.Integer, nullable=False, server_default="1"), schema=SCHEMA
    )
    op.create_check_constraint(
        op.f("ck_sync_batches_lane"), "sync_batches", "lane IN ('bulk', 'events')", schema=SCHEMA
    )
    op.create_foreign_key(
        "fk_sync_batches_schedule_id",
        "sync_batches",
        "sync_schedules",
        ["schedule_id"],
        ["id"],
        ondelete="SET NULL",
        source_schema=SCHEMA,
        referent_schema=SCHEMA,
    )
    op.create_table(
        "webhook_events",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("store_hash", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("received", sa.Integer, nullable=False, server_default="1"),
        sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("claimed_by", sa.Text),
        sa.Column("batch_id", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.Column("received_at", WHEN, nullable=False),
        sa.Column("done_at", WHEN),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_events"),
        sa.ForeignKeyConstraint(
            ["store_hash"], [f"{SCHEMA}.stores.hash"], name="fk_webhook_events_store_hash", ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'claimed', 'done', 'coalesced', 'dead')", name=op.f("ck_webhook_events_state")
        ),
        schema=SCHEMA,
    )
    op.create_index(
        "uq_webhook_events_waiting",
        "webhook_events",
        ["store_hash", "hash"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_webhook_events_open",
        "webhook_events",
        ["store_hash", "id"],
        schema=SCHEMA,
        postgresql_where=sa.text("state IN ('waiting', 'claimed')"),
    )
    op.create_index("ix_webhook_events_store_hash_key", "webhook_events", ["store_hash", "key"], schema=SCHEMA)
    op.create_index("ix_webhook_events_done_at", "webhook_events", ["done_at"], schema=SCHEMA)
