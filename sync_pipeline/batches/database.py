"""The ledger's connection: URL forms, the engine, and one-line errors when PostgreSQL is away, old or read-only."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from sync_pipeline.batches.patience import Patience, PatientConnection
from sync_pipeline.errors import ServiceUnavailableError, UsageError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MINIMUM_SERVER_VERSION = 14

# SQLSTATEs (PostgreSQL manual, appendix A).
READ_ONLY_TRANSACTION = "25006"
#: A lock that others hold, a statement that took too long, two that waited for each other.
BUSY = {"55P03", "57014", "40P01"}
#: The class of what is too large for PostgreSQL, which psycopg counts among the failures of operation.
LIMIT_EXCEEDED = "54"
MISSING_TABLES = {"3F000", "42P01", "42703"}  # no such schema, table, column


class LedgerUnavailableError(ServiceUnavailableError):
    """PostgreSQL cannot be reached, is busy for too long, is too old, or takes no writes."""

    kind = "ledger_unavailable"


def psycopg_url(url: str) -> URL:
    """Returns a `postgres://` or `postgresql://` URL for SQLAlchemy with psycopg 3.

    `?schema=x` becomes the search path.
    """
    return _url_for("psycopg", url)


def psycopg2_url(url: str) -> str:
    """Returns the same for dagster-postgres, which brings psycopg 2.

    SQLAlchemy >= 2.1 reads a bare `postgresql://` as psycopg 3.
    """
    return _url_for("psycopg2", url).render_as_string(hide_password=False)


def _url_for(driver: str, url: str) -> URL:
    parsed = make_url(url).set(drivername=f"postgresql+{driver}")
    query = dict(parsed.query)
    schema = query.pop("schema", None)
    if schema:
        # Quoted as an identifier inside a libpq option, where blanks and backslashes are escaped.
        quoted = '"' + str(schema).replace('"', '""') + '"'
        query["options"] = _joined(
            query.get("options"), "-csearch_path=" + quoted.replace("\\", "\\\\").replace(" ", "\\ ")
        )
    return parsed.set(query=query)


def address(url: str | URL) -> str:
    """Returns `host:port/database` of a database URL, without credentials."""
    parsed = make_url(url)
    return f"{parsed.host or 'local socket'}:{parsed.port or 5432}/{parsed.database or ''}"


def make_engine(url: str, *, pool_size: int = 10, patience: Patience | None = None) -> Engine:
    """Returns an engine that notices dead connections and waits for nothing longer than ``patience``.

    Connects on first use.
    """
    patience = patience or Patience()
    target = psycopg_url(url)
    engine = create_engine(
        target,
        pool_size=pool_size,
        max_overflow=5,
        pool_pre_ping=True,
        pool_timeout=patience.connect,
        connect_args={
            "connect_timeout": patience.connect,
            "application_name": "sync_pipeline",
            "options": _joined(patience.server_options, target.query.get("options")),
            **patience.tcp_options,
        },
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, args: Any, options: Any) -> PatientConnection:
        connection = PatientConnection.connect(*args, **options)
        connection.answer = patience.answer
        return connection

    return engine


def _joined(*options: object) -> str:
    """Joins options of libpq; of two that set the same, the later holds."""
    return " ".join(str(one) for one in options if one)


@cache
def shared_engine(url: str, *, pool_size: int = 10) -> Engine:
    """Returns the one engine of this process for a URL: what is evaluated again and again shares its connections."""
    return make_engine(url, pool_size=pool_size)


@contextmanager
def reachable(engine: Engine) -> Iterator[None]:
    """Turns a lost or refused connection, or a time-out, inside the block into LedgerUnavailableError."""
    try:
        yield
    except PoolTimeoutError as error:
        raise LedgerUnavailableError(f"PostgreSQL at {address(engine.url)}: all connections are in use") from error
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state in BUSY and not error.connection_invalidated:
            raise LedgerUnavailableError(_message(engine, error, "is busy")) from error
        if state is None and isinstance(error, ProgrammingError):
            raise UsageError(f"DATABASE_URL: {one_line(error.orig or error, 200)}") from error  # an option of libpq
        if state is not None and state.startswith(LIMIT_EXCEEDED) and not error.connection_invalidated:
            raise
        if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
            raise LedgerUnavailableError(_message(engine, error, "cannot be reached")) from error
        if state == READ_ONLY_TRANSACTION:
            raise LedgerUnavailableError(f"PostgreSQL at {address(engine.url)} is read-only") from error
        if state in MISSING_TABLES:
            raise LedgerUnavailableError(
                f"the ledger in {address(engine.url)} is not set up: run `sync-pipeline db upgrade`"
            ) from error
        raise


def check_server(engine: Engine) -> str:
    """Returns the server's version. Raises LedgerUnavailableError if it is away, older than 14, or read-only."""
    with reachable(engine), engine.connect() as connection:
        number = int(connection.execute(text("SHOW server_version_num")).scalar_one())
        version = str(connection.execute(text("SHOW server_version")).scalar_one())
        read_only = connection.execute(text("SHOW transaction_read_only")).scalar_one() == "on"
    where = address(engine.url)
    if number // 10000 < MINIMUM_SERVER_VERSION:
        raise LedgerUnavailableError(f"PostgreSQL {version} at {where} is too old: {MINIMUM_SERVER_VERSION} is needed")
    if read_only:
        raise LedgerUnavailableError(f"PostgreSQL at {where} is read-only: point DATABASE_URL at the primary")
    return version


def _message(engine: Engine, error: DBAPIError, what: str) -> str:
    reason = one_line(error.orig if error.orig is not None else error, 200)
    return f"PostgreSQL at {address(engine.url)} {what}: {reason}"
