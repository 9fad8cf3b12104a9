"""The process that executes a batch: a second one of the same run is told from it, and a dead one from a silent one.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    for table in ("sync_batches", "batch_attempts"):
        op.add_column(table, sa.Column("executor", sa.Text), schema="sync_pipeline")
