"""The table of engines: a row for each that a command may ask for by name. A new engine is a new row.

What belongs here: names, and how an address is made of a port. What does not: how each is started (embedded.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from sync_pipeline.errors import ServiceUnavailableError
from sync_pipeline.local import embedded
from sync_pipeline.local.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync_pipeline.local.services import Service
    from sync_pipeline.local.state import StateDir


def http_url(_state: StateDir, port: int, path: str) -> str:
    """Return the address of an HTTP server, without a slash at the end; ``path`` is what follows the root."""
    return f"http://{HOST}:{port}/{path}".rstrip("/")


def postgres_url(state: StateDir, port: int, database: str) -> str:
    """Return the ``postgresql://`` URL of a database (none given: the ledger's), as the server's administrator.

    The databases of ``embedded.DATABASES`` exist. Raises ServiceUnavailableError when the password cannot be read.
    """
    try:
        password = embedded.postgres_password(state).read_text(encoding="ascii")
    except OSError as error:
        raise ServiceUnavailableError(
            f"postgres runs, but {error.filename} cannot be read: {error.strerror}"
        ) from error
    name = quote(database or embedded.DATABASES[0], safe="")
    return f"postgresql://{embedded.POSTGRES_USER}:{password}@{HOST}:{port}/{name}"


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine: ``service`` is how it runs in a state directory, ``url`` its address on a port, with a path in it."""

    name: str
    service: Callable[[StateDir], Service]
    url: Callable[[StateDir, int, str], str] = http_url


ENGINES = {
    engine.name: engine
    for engine in (
        Engine("postgres", embedded.postgres, postgres_url),
        Engine("elasticsearch", embedded.elasticsearch),
        Engine("bigcommerce", embedded.sandbox("bigcommerce", "--store", "demo", "--keep", "sandbox-bigcommerce")),
    )
}
