"""Batches by pipeline and scope: an index per access path, options, batches without a lane, paused schedules.

A schedule no longer refers to a store: it belongs to a scope, and whoever removes the scope removes it.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"

SCHEMA = "sync_pipeline"
UNFINISHED = sa.text("status IN ('pending', 'processing')")


def upgrade() -> None:
    op.add_column("sync_batches", sa.Column("options", JSONB, nullable=False, server_default="{}"), schema=SCHEMA)
    op.add_column(
        "sync_batches",
        sa.Column("unique_while_pending", sa.Boolean, nullable=False, server_default=sa.text("false")),
        schema=SCHEMA,
    )
    op.alter_column("sync_batches", "lane", nullable=True, server_default=None, schema=SCHEMA)
    op.add_column("sync_schedules", sa.Column("paused_reason", sa.Text), schema=SCHEMA)
    op.execute("""
        UPDATE sync_pipeline.sync_schedules SET paused_reason = 'uninstalled'
        WHERE store_hash IN (SELECT hash FROM sync_pipeline.stores WHERE uninstalled_at IS NOT NULL)
    """)
    # Until now the exit status and the kind of an error told whether it may pass.
    op.execute("""
        UPDATE sync_pipeline.sync_batches SET error = error || jsonb_build_object('retry', CASE
            WHEN error->>'kind' IN ('cancelled', 'unauthorized', 'delete_guard', 'books') THEN 'person'
            WHEN error->>'exit_status' = '3' OR error->>'kind' IN ('lost', 'fenced', 'lane_busy', 'internal')
                THEN 'later'
            ELSE 'never' END)
        WHERE status = 'failed' AND attempt < max_attempts AND error IS NOT NULL
    """)
    op.drop_constraint("fk_sync_schedules_store_hash", "sync_schedules", schema=SCHEMA)
    # Every store that there is gets a weekly verify, in the early hours (UTC); they are spread over the week.
    op.execute("""
        INSERT INTO sync_pipeline.sync_schedules
            (pipeline, scope, store_hash, type, mode, cron, timezone, active, next_run_at, created_at, updated_at,
            paused_reason)
        SELECT 'store_search', 'store:' || hash, hash, 'verify', 'full',
            (spread % 60) || ' 5 * * ' || (spread / 60), 'UTC', true,
            (CASE WHEN here > now() AT TIME ZONE 'UTC' THEN here ELSE here + interval '7 days' END) AT TIME ZONE 'UTC',
            now(), now(), CASE WHEN uninstalled_at IS NOT NULL THEN 'uninstalled' END
        FROM (
            SELECT hash, uninstalled_at, spread, date_trunc('day', now() AT TIME ZONE 'UTC')
                + ((7 + spread / 60 - extract(dow FROM now() AT TIME ZONE 'UTC')::int) % 7) * interval '1 day'
                + interval '5 hours' + (spread % 60) * interval '1 minute' AS here
            FROM (
                SELECT *, (row_number() OVER (ORDER BY hash) * 67 % (60 * 7))::int AS spread FROM sync_pipeline.stores
            ) AS numbered
        ) AS timed
        ORDER BY hash
    """)
    op.create_index("ix_sync_batches_scope_id", "sync_batches", ["scope", sa.text("id DESC")], schema=SCHEMA)
    op.create_index(
        "ix_sync_batches_unfinished",
        "sync_batches",
        ["pipeline", "lane", "scope"],
        schema=SCHEMA,
        postgresql_where=UNFINISHED,
    )
    op.create_index("ix_sync_batches_schedule_id", "sync_batches", ["schedule_id"], schema=SCHEMA)
    # What `retry_failed` looks for every few seconds, among hundreds of thousands that ended.
    op.create_index(
        "ix_sync_batches_retryable",
        "sync_batches",
        ["id"],
        schema=SCHEMA,
        postgresql_where=sa.text("status = 'failed' AND attempt < max_attempts"),
    )
    op.create_index(
        "uq_sync_batches_while_pending",
        "sync_batches",
        ["pipeline", "scope", "type", "mode"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("status = 'pending' AND unique_while_pending"),
    )
