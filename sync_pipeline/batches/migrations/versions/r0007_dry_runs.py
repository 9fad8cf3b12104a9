"""Batches that only tell what they would do.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column(
        "sync_batches",
        sa.Column("dry_run", sa.Boolean, nullable=False, server_default=sa.text("false")),
        schema="sync_pipeline",
    )
