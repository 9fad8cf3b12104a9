"""Where Dagster keeps its runs, for the project's own dagster.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy import URL, Engine, event, make_url
from sqlalchemy.exc import DBAPIError

from sync_pipeline.batches.database import psycopg2_url
from sync_pipeline.errors import SyncPipelineError, one_line
from sync_pipeline.local.folder import folder_url
from sync_pipeline.orchestration.connections import bounded, keep_open
from sync_pipeline.orchestration.instance import DagsterStorageUnavailableError, root_cause, storage_unavailable
from sync_pipeline.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: The addresses at which a folder's server was found, by state directory.
_addresses: dict[Path, set[str]] = {}
#: The database for Dagster on the embedded server.
DATABASE = "dagster"


class FolderStorage(DagsterPostgresStorage):
    """Keeps runs in the PostgreSQL of `DAGSTER_DATABASE_URL`, else in the embedded one of the working folder."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Returns what dagster.yaml may configure: nothing."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> Self:
        """Opens the storage. Raises DagsterStorageUnavailableError, which Dagster's commands show in one line."""
        try:
            given = load_settings()
            url = given.dagster_database_url
            if url is None:
                url = folder_url(given.state_dir, "postgres", DATABASE)
                _follow(given.state_dir, make_url(psycopg2_url(url)))
            storage = cls(bounded(psycopg2_url(url)), inst_data=inst_data)
            keep_open(storage)
            return storage
        except SyncPipelineError as error:
            raise DagsterStorageUnavailableError(one_line(error)) from None
        except (DagsterPostgresException, DBAPIError) as error:
            raise storage_unavailable(root_cause(error)) from None


def _follow(state_dir: Path, found: URL) -> None:
    """Has every later connection to a folder's server ask for it anew: it starts again, perhaps elsewhere, when killed.

    Dagster's storages keep the address that they were given.
    """
    known = _addresses.get(state_dir)
    if known is not None:
        known.add(_place(found.translate_connect_args()))
        return
    known = _addresses[state_dir] = {_place(found.translate_connect_args())}

    @event.listens_for(Engine, "do_connect")
    def connect(_dialect: Any, _record: Any, _args: Any, params: dict[str, Any]) -> None:
        if _place(params) in known:
            present = make_url(psycopg2_url(folder_url(state_dir, "postgres", DATABASE)))
            known.add(_place(present.translate_connect_args()))
            params.update({name: present.translate_connect_args()[name] for name in ("host", "port")})


def _place(params: Mapping[str, Any]) -> str:
    return f"{params.get('host')}:{params.get('port')}/{params.get('database') or params.get('dbname')}"
