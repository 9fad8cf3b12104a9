"""Who this ledger is: indices and other destinations carry it, so that another ledger does not take them for its own.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

SCHEMA = "sync_pipeline"
# A ledger with stores made the indices that carry no mark yet. It takes its identity from its oldest store: when a
# backup of before this revision is restored and upgraded, it is the same ledger again.
IDENTIFY = """
INSERT INTO sync_pipeline.ledger_identity (id, owns_unmarked, created_at)
SELECT coalesce(oldest.id, gen_random_uuid()), oldest.id IS NOT NULL, now()
FROM (VALUES (1)) AS one LEFT JOIN (
    SELECT md5(hash || ' ' || extract(epoch FROM created_at))::uuid AS id
    FROM sync_pipeline.stores ORDER BY created_at, hash LIMIT 1
) AS oldest ON true
"""


def upgrade() -> None:
    op.create_table(
        "ledger_identity",
        sa.Column("only_row", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("owns_unmarked", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("only_row", name="pk_ledger_identity"),
        sa.CheckConstraint("only_row", name=op.f("ck_ledger_identity_only_row")),
        schema=SCHEMA,
    )
    op.execute(IDENTIFY)
