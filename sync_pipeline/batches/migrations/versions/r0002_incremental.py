"""Saved queries of a store, and what the last synchronisation saw of brands and categories.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

SCHEMA = "sync_pipeline"


def upgrade() -> None:
    op.create_table(
        "saved_queries",
        sa.Column("store_hash", sa.Text, nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("expected", JSONB(none_as_null=True), nullable=False),
        sa.Column("top", sa.Integer, nullable=False, server_default="10"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store_hash", "query", name="pk_saved_queries"),
        sa.ForeignKeyConstraint(
            ["store_hash"], [f"{SCHEMA}.stores.hash"], name="fk_saved_queries_store_hash", ondelete="CASCADE"
        ),
        schema=SCHEMA,
    )
    op.create_table(
        "synced_keys",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("scope", "kind", "key", name="pk_synced_keys"),
        schema=SCHEMA,
    )
