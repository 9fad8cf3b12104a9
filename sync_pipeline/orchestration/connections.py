"""Dagster's connections to its storage: bounded, kept open between calls, and tried before each use.

By itself Dagster opens one for each call, hundreds for a run; those of a small store took about half of its time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extensions import connection as psycopg2_connection
from sqlalchemy import Pool, event, make_url
from sqlalchemy.exc import DisconnectionError

from sync_pipeline.batches.patience import Patience

if TYPE_CHECKING:
    from dagster_postgres import DagsterPostgresStorage

#: Seconds after which a connection is replaced.
RECYCLE = 3600
#: How many more than one, for each of its three storages, a process may open at a time.
OVERFLOW = 20


def bounded(url: str) -> str:
    """Gives a URL a name for its connections, and the ledger's bounds for connecting and for a peer that vanished.

    What it sets itself holds.
    """
    parsed = make_url(url)
    bounds = {"connect_timeout": Patience.connect, **Patience().tcp_options}
    given = {"application_name": "dagster", **{name: str(value) for name, value in bounds.items()}}
    query = given | dict(parsed.query)
    return parsed.set(query=query).render_as_string(hide_password=False)


def keep_open(storage: DagsterPostgresStorage) -> None:
    """Has each of a storage's parts keep a connection open, as in Dagster's webserver; without a bound for queries."""
    for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
        part.optimize_for_webserver(statement_timeout=0, pool_recycle=RECYCLE, max_overflow=OVERFLOW)


@event.listens_for(Pool, "checkout")
def _look(driver: Any, _record: Any, _proxy: Any) -> None:
    """Replaces a connection that PostgreSQL has closed meanwhile; the ledger's pool, of psycopg 3, does so itself."""
    if isinstance(driver, psycopg2_connection):
        try:
            with driver.cursor() as cursor:
                cursor.execute("SELECT 1")
        except psycopg2.Error as error:
            raise DisconnectionError from error
