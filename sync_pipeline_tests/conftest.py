"""Engines shared by the whole session, and a clean ledger for each test.

`DATABASE_URL` and `ELASTICSEARCH_URL` point the same tests at real servers; there they make and delete only their own
databases and randomly named stores. Without them the embedded engines serve, in a state directory of the session's own.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, make_url, text

from sync_pipeline.batches.base import Base
from sync_pipeline.batches.database import make_engine
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.models import LedgerIdentity
from sync_pipeline.batches.schema import upgrade
from sync_pipeline.local.engines import Engines
from sync_pipeline.pipelines.registry import PIPELINES
from sync_pipeline_tests.clocks import ManualClock
from sync_pipeline_tests.longest_first import pytest_collection_modifyitems
from sync_pipeline_tests.recovery_times import pytest_terminal_summary

__all__ = ["pytest_collection_modifyitems", "pytest_terminal_summary"]

# How fast a machine draws examples is no property of the project.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# Importing them adds their tables to the ledger's.
TABLES = [module for pipeline in PIPELINES for module in pipeline.tables()]

REAL_SERVERS = {name: os.environ.get(name) for name in ("DATABASE_URL", "ELASTICSEARCH_URL")}


@pytest.fixture(scope="session", autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No variable and no `.env` of whoever runs the tests reaches them."""
    patch = pytest.MonkeyPatch()
    for name in list(os.environ):
        if name.startswith(("SYNC_PIPELINE_", "DAGSTER_", "BIGCOMMERCE_", "ELASTICSEARCH_", "DATABASE_")):
            patch.delenv(name)
    patch.chdir(tmp_path_factory.mktemp("working-directory"))
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def _own_signals() -> None:
    """A shell starts what it leaves in the background with SIGINT ignored; Dagster then has SIGTERM ignored, too, after
    a run in this process, and so have the children of later tests.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's root folder."""
    return Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared(project: Path) -> Path:
    """The folder beside the project with a real shop's data; tests that need it skip when it is absent."""
    return project.parent / "shared"


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """The session's own embedded engines; they stop soon after the session, however it ends."""
    with Engines.open(tmp_path_factory.mktemp("state"), owner="tests", idle=0.0) as opened:
        yield opened
        opened.stop()


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest) -> str:
    """A database of the PostgreSQL server on which tests may create databases."""
    return REAL_SERVERS["DATABASE_URL"] or request.getfixturevalue("engines").url("postgres", "postgres")


@pytest.fixture(scope="session")
def elasticsearch_url(request: pytest.FixtureRequest) -> str:
    """The search cluster under test."""
    return REAL_SERVERS["ELASTICSEARCH_URL"] or request.getfixturevalue("engines").url("elasticsearch")


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """A database of the test's own."""
    yield from _temporary_database(server_url)


@pytest.fixture(scope="session")
def database_url(server_url: str) -> Iterator[str]:
    """The session's ledger database, upgraded."""
    for url in _temporary_database(server_url):
        engine = make_engine(url)
        upgrade(engine)
        engine.dispose()
        yield url


@pytest.fixture(scope="session")
def dagster_database_url(server_url: str) -> Iterator[str]:
    """The session's database for Dagster's storage."""
    yield from _temporary_database(server_url)


@pytest.fixture(scope="session")
def database(database_url: str) -> Iterator[Engine]:
    """The session's connection to the ledger."""
    engine = make_engine(database_url, pool_size=20)
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that only the test moves."""
    return ManualClock()


@pytest.fixture
def clean_database(database: Engine) -> Engine:
    """The ledger without rows but that of its identity."""
    identity = LedgerIdentity.__tablename__
    tables = ", ".join(str(table) for table in Base.metadata.sorted_tables if table.name != identity)
    with database.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    return database


@pytest.fixture
def ledger(clean_database: Engine, clock: ManualClock) -> Ledger:
    """An empty ledger on the test's clock."""
    return Ledger(clean_database, clock)


@pytest.fixture
def unused_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _temporary_database(server_url: str) -> Iterator[str]:
    name = f"sync_pipeline_test_{secrets.token_hex(6)}"
    admin = make_engine(server_url)
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    admin.dispose()
