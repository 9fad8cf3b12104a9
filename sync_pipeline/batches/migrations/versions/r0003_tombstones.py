"""Tombstones of deleted keys, and how many writes of fenced holders were refused in a lane.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SCHEMA = "sync_pipeline"


def upgrade() -> None:
    op.create_table(
        "tombstones",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("batch_id", sa.BigInteger, nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name="pk_tombstones"),
        schema=SCHEMA,
    )
    op.create_index("ix_tombstones_scope_version", "tombstones", ["scope", "version"], schema=SCHEMA)
    op.add_column("scope_locks", sa.Column("refused", sa.Integer, nullable=False, server_default="0"), schema=SCHEMA)
