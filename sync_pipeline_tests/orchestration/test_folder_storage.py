"""Dagster's storage on the server of a folder, which comes back when everything that served it was killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy.exc import OperationalError

from sync_pipeline.local.down import stop_all
from sync_pipeline.local.engines import running


@pytest.fixture
def state(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state directory of the test's own, for the project's `dagster.yaml` and no variable else."""
    (tmp_path / "dagster.yaml").write_text((project / "dagster.yaml").read_text())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("SYNC_PIPELINE_STATE_DIR", str(tmp_path / "state"))
    yield tmp_path / "state"
    stop_all(tmp_path / "state")


def test_storage_asks_for_its_server_again_when_that_was_killed(state: Path):
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("scopes", ["a"])
        status = running(state)
        assert status is not None
        for pid in (status.process.pid, status.services["postgres"].pid):
            os.kill(pid or 0, signal.SIGKILL)
        with suppress(OperationalError):  # its backends live a moment longer
            instance.get_dynamic_partitions("scopes")
        assert instance.get_dynamic_partitions("scopes") == ["a"]
