"""Brings the ledger's schema to the newest revision. The revisions are in migrations/versions/."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import text

from sync_pipeline.batches.base import SCHEMA
from sync_pipeline.batches.database import check_server, reachable
from sync_pipeline.batches.patience import LONG_WORK, more_patient

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

#: Held while upgrading, so that two first commands at once do not both create the tables.
UPGRADE_LOCK = 7_265_001


#: The newest revision, as a constant: asking Alembic for it takes 0.1 CPU-seconds of every command.
NEWEST_REVISION = "0008"


def upgrade(engine: Engine) -> str:
    """Creates or upgrades the ledger; returns the revision. Raises LedgerUnavailableError."""
    check_server(engine)
    with reachable(engine), engine.connect() as connection:
        if revision(connection) == NEWEST_REVISION:
            return NEWEST_REVISION
    from alembic import command  # noqa: PLC0415 - only who upgrades needs it
    from alembic.config import Config  # noqa: PLC0415

    with reachable(engine), engine.begin() as connection, more_patient(connection, LONG_WORK):
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        config = Config()
        config.set_main_option("script_location", "sync_pipeline.batches:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return revision(connection) or ""


@cache
def upgrade_once(engine: Engine) -> None:
    """Upgrades the ledger the first time that this process opens it. Raises as ``upgrade``."""
    upgrade(engine)


def revision(connection: Connection) -> str | None:
    """Returns the ledger's revision in this database, or None before the first upgrade."""
    if connection.scalar(text(f"SELECT to_regclass('{SCHEMA}.alembic_version')")) is None:
        return None
    return connection.scalar(text(f"SELECT version_num FROM {SCHEMA}.alembic_version"))  # noqa: S608 - a constant
