"""The seed's scenarios through the real daemon, code server and run workers, and what happens when they are killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import make_url

from sync_pipeline.local.bigcommerce.faults import FaultKind
from sync_pipeline.local.bigcommerce.testing import SandboxServer
from sync_pipeline_tests.commands import Commands
from sync_pipeline_tests.waiting import wait_for

pytestmark = pytest.mark.chaos


@pytest.fixture
def dev(commands: Commands) -> Iterator[subprocess.Popen[str]]:
    """A running `sync-pipeline dev`, stopped at the end."""
    process = commands.start("dev")
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "Ctrl-C" in line:
            break
    assert process.poll() is None, said
    yield process
    process.terminate()
    process.communicate(timeout=90)
    commands("down")


def batch(commands: Commands, number: int) -> dict[str, Any]:
    return commands("batches", "show", str(number), "--json").json()


def ended(commands: Commands, number: int) -> dict[str, Any]:
    """The batch once it is over."""

    def look() -> dict[str, Any] | None:
        found = batch(commands, number)
        return found if found["status"] in {"completed", "failed"} else None

    return wait_for(look, what=f"the end of batch {number}", seconds=120)


def enqueue(commands: Commands, store: str, batch_type: str = "all") -> int:
    return commands("sync", "run", "--store", store, "--type", batch_type, "--enqueue", "--json").json()["id"]


def worker_of(commands: Commands, run_id: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """The process that executes a run, as the run itself wrote it into its event log."""
    exported = commands("env", "--json").json()
    monkeypatch.setenv("DAGSTER_DATABASE_URL", make_url(exported["DAGSTER_DATABASE_URL"]).render_as_string(False))
    with dg.DagsterInstance.from_config(exported["DAGSTER_HOME"]) as instance:
        messages = [event.user_message for event in instance.all_logs(run_id)]
    found = [match[1] for message in messages if (match := re.search(r"\(pid: (\d+)\)", message))]
    assert found, messages
    return int(found[-1])


def test_batches_go_from_pending_to_their_end_through_the_daemon(
    dev: subprocess.Popen[str], commands: Commands, store: str, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
):
    assert dev.poll() is None
    second = commands("dev").failed_in_one_line(2)
    assert f"pid {dev.pid}" in second

    # Happy path: pending, processing, completed, everything materialized.
    first = enqueue(commands, store)
    done = ended(commands, first)
    assert done["status"] == "completed", done["error"]
    assert sorted(done["counts"]) == ["blog_posts", "categories", "products", "search_index", "stop_words", "synonyms"]
    assert commands("search", "--store", store, "--json", "sofa").json()

    # A failing import: the batch fails, the error is kept, the old index answers.
    sandbox.admin.inject(store, FaultKind.WRONG_TOKEN, path="*/v3/catalog/products")
    failed = ended(commands, enqueue(commands, store, "product"))
    assert (failed["status"], failed["error"]["kind"], failed["error"]["store"]) == ("failed", "unauthorized", store)
    assert commands("search", "--store", store, "--json", "sofa").json()
    sandbox.admin.clear_faults(store)

    # kill -9 of the run's own process in mid-import: closed at once, the retry completes, the old index answered.
    sandbox.admin.inject(store, FaultKind.LATENCY, path="*/v3/catalog/products", seconds=60)
    number = enqueue(commands, store, "product")
    wait_for(lambda: "search_index" in batch(commands, number)["counts"], what="an import under way", seconds=90)
    os.kill(worker_of(commands, batch(commands, number)["dagster_run_id"], monkeypatch), signal.SIGKILL)
    killed = ended(commands, number)
    assert (killed["status"], killed["error"]["kind"]) == ("failed", "lost")
    assert commands("search", "--store", store, "--json", "sofa").json()
    sandbox.admin.clear_faults(store)
    assert commands("batches", "retry", str(number)).status == 0
    retried = wait_for(
        lambda: (found := batch(commands, number))["status"] == "completed" and found,
        what="the second attempt",
        seconds=90,
    )
    assert retried["attempt"] == 2
    assert [attempt["status"] for attempt in retried["attempts"]] == ["failed", "completed"]
