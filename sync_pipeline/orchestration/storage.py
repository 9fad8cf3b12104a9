"""Where Dagster keeps its runs, for the project's own dagster.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import DBAPIError

from sync_pipeline.batches.database import psycopg2_url
from sync_pipeline.errors import SyncPipelineError, one_line
from sync_pipeline.local.folder import folder_url
from sync_pipeline.orchestration.instance import DagsterStorageUnavailableError, root_cause, storage_unavailable
from sync_pipeline.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

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
            url = given.dagster_database_url or folder_url(given.state_dir, "postgres", DATABASE)
            return cls(psycopg2_url(url), inst_data=inst_data)
        except SyncPipelineError as error:
            raise DagsterStorageUnavailableError(one_line(error)) from None
        except (DagsterPostgresException, DBAPIError) as error:
            raise storage_unavailable(root_cause(error)) from None
