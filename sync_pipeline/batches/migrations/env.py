"""Alembic's entry: runs the revisions on the connection that schema.py hands over."""

from alembic import context

from sync_pipeline.batches.base import SCHEMA, Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
