"""Processes that tests may kill: the command line and `dev` on the session's engines, with a sandbox store."""

from __future__ import annotations

import pytest

from sync_pipeline_tests.cli import conftest
from sync_pipeline_tests.cli.conftest import sandbox, store
from sync_pipeline_tests.commands import Commands

__all__ = ["commands", "sandbox", "store"]

shared_commands = conftest.commands


@pytest.fixture
def commands(shared_commands: Commands, empty_database_url: str) -> Commands:
    """The command line with a Dagster storage of the test's own: daemons leave their heartbeats there."""
    url = empty_database_url.replace("postgresql+psycopg", "postgresql")
    return Commands(shared_commands.folder, {**shared_commands.variables, "DAGSTER_DATABASE_URL": url})
