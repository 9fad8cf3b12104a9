"""The command line on the session's engines, with a sandbox store."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline_tests.commands import Commands


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def commands(
    clean_database: Engine, dagster_database_url: str, elasticsearch_url: str, sandbox: SandboxServer, tmp_path: Path
) -> Commands:
    return Commands(
        tmp_path,
        {
            "DATABASE_URL": clean_database.url.set(drivername="postgresql").render_as_string(hide_password=False),
            "DAGSTER_DATABASE_URL": dagster_database_url.replace("postgresql+psycopg", "postgresql"),
            "ELASTICSEARCH_URL": elasticsearch_url,
            "BIGCOMMERCE_API_URL": sandbox.base_url,
        },
        forked=True,
    )


@pytest.fixture
def store(commands: Commands, sandbox: SandboxServer) -> Iterator[str]:
    """The demonstration shop, added through the command line under a hash of its own."""
    store_hash = f"t{secrets.token_hex(6)}"
    sandbox.admin.open_demo(store_hash, token="the-secret-token")
    sandbox.admin.configure(store_hash, quota=10_000)
    added = commands("stores", "add", store_hash, "--token-stdin", stdin="the-secret-token\n")
    assert added.status == 0, added
    yield store_hash
    commands("stores", "remove", store_hash, "--delete-indices")
    sandbox.admin.close_store(store_hash)
