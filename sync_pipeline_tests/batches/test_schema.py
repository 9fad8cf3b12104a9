"""The migrations make exactly the tables that the models describe."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from sync_pipeline.batches.base import SCHEMA, Base
from sync_pipeline.batches.database import LedgerUnavailableError, address, check_server, make_engine, psycopg_url
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.schema import NEWEST_REVISION, revision, upgrade


def test_newest_revision_is_the_head_of_the_migrations():
    config = Config()
    config.set_main_option("script_location", "sync_pipeline.batches:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == NEWEST_REVISION


def test_migrations_and_models_agree(empty_database_url: str):
    engine = make_engine(empty_database_url)
    assert upgrade(engine) == NEWEST_REVISION
    with engine.connect() as connection:
        options = {
            "include_schemas": True,
            "version_table_schema": SCHEMA,
            "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
            "compare_server_default": True,
        }
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)
        tables = connection.execute(text("SELECT table_schema, table_name FROM information_schema.tables")).all()
    engine.dispose()
    assert differences == []
    assert (SCHEMA, "alembic_version") in {tuple(row) for row in tables}


def test_upgrading_twice_at_once_is_harmless(empty_database_url: str):
    engines = [make_engine(empty_database_url) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(upgrade, engines)) == {NEWEST_REVISION}
    with engines[0].connect() as connection:
        assert revision(connection) == NEWEST_REVISION
    for engine in engines:
        engine.dispose()


def test_a_schema_in_the_url_becomes_the_search_path(empty_database_url: str):
    separator = "&" if "?" in empty_database_url else "?"
    engine = make_engine(f"{empty_database_url}{separator}schema=My shop")
    with engine.connect() as connection:
        assert connection.execute(text("SHOW search_path")).scalar_one() == '"My shop"'
    assert check_server(engine)
    engine.dispose()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_postgres_scheme_means_psycopg_3(scheme: str):
    url = psycopg_url(f"{scheme}://user:word@host:5433/name")
    assert url.drivername == "postgresql+psycopg"
    assert address(url) == "host:5433/name"


def test_a_read_only_server_is_refused_in_one_line(empty_database_url: str):
    engine = make_engine(empty_database_url)
    upgrade(engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    engine.dispose()
    for use in (check_server, lambda engine: Ledger(engine).next_version(), upgrade):
        with pytest.raises(LedgerUnavailableError, match="is read-only"):
            use(engine)
    engine.dispose()


def test_a_server_that_is_too_old_is_refused_in_one_line(empty_database_url: str, monkeypatch: pytest.MonkeyPatch):
    engine = make_engine(empty_database_url)
    monkeypatch.setattr("sync_pipeline.batches.database.MINIMUM_SERVER_VERSION", 99)
    with pytest.raises(LedgerUnavailableError, match=r"PostgreSQL \d.* is too old: 99 is needed"):
        check_server(engine)
    engine.dispose()
