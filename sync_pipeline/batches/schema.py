"""Brings the ledger's schema to the newest revision. The revisions are in migrations/versions/."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from sync_pipeline.batches.base import SCHEMA
from sync_pipeline.batches.database import check_server, reachable
from sync_pipeline.batches.patience import LONG_WORK, more_patient

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

#: Held while upgrading, so that two first commands at once do not both create the tables.
UPGRADE_LOCK = 7_265_001


def upgrade(engine: Engine) -> str:
    """Creates or upgrades the ledger; returns the revision. Raises LedgerUnavailableError."""
    check_server(engine)
    with reachable(engine), engine.begin() as connection, more_patient(connection, LONG_WORK):
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        command.upgrade(_config(connection), "head")
        return revision(connection) or ""


def revision(connection: Connection) -> str | None:
    """The ledger's revision in this database, or None before the first upgrade."""
    context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
    return context.get_current_revision()


def newest_revision() -> str:
    """The revision that this version of the project needs."""
    return ScriptDirectory.from_config(_config(None)).get_current_head() or ""


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", "sync_pipeline.batches:migrations")
    config.attributes["connection"] = connection
    return config
