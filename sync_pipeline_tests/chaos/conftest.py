"""Processes that tests may kill: the command line on the session's engines, and shops that it synchronises."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline.batches.database import make_engine
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.secrets import new_key_entry
from sync_pipeline.core import keyring_of
from sync_pipeline.pipelines.store_search.pipeline import PIPELINE
from sync_pipeline.pipelines.store_search.runtime import StoreSearch
from sync_pipeline.settings import Settings
from sync_pipeline_tests.cli import conftest
from sync_pipeline_tests.commands import Commands
from sync_pipeline_tests.pipelines.store_search.conftest import Shop, instance, new_shop, sandbox, shop

__all__ = ["commands", "instance", "new_shop", "pipeline", "sandbox", "shop", "store"]

shared_commands = conftest.commands


@pytest.fixture
def commands(shared_commands: Commands, empty_database_url: str) -> Commands:
    """The command line with a Dagster storage of the test's own, for daemons leave their heartbeats there."""
    url = empty_database_url.replace("postgresql+psycopg", "postgresql")
    more = {"DAGSTER_DATABASE_URL": url, "SYNC_PIPELINE_SECRET_KEYS": new_key_entry("chaos")}
    return Commands(shared_commands.folder, {**shared_commands.variables, **more})


@pytest.fixture
def pipeline(commands: Commands) -> Iterator[StoreSearch]:
    """The pipeline in this process, on the ledger, the cluster and the secrets of the commands."""
    given = {name.lower(): value for name, value in commands.variables.items()}
    state = commands.folder / "state"
    settings = Settings.model_validate({**given, "sync_pipeline_state_dir": state})
    ledger = Ledger(make_engine(settings.database_url or ""))
    made = PIPELINE.open(settings, ledger, keyring_of(settings))
    yield made
    made.ledger.engine.dispose()


@pytest.fixture
def store(shop: Shop) -> str:
    """The hash of the demonstration shop."""
    return shop.hash
