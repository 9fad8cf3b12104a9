"""A real `sync-pipeline dev` for tests that kill parts of it: its start and end, its services, its runs' processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import make_url, select

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.local.engines import running
from sync_pipeline.pipelines.store_search.events.models import WebhookEvent
from sync_pipeline.pipelines.store_search.stores.stores import store_scope
from sync_pipeline_tests.chaos.relay import Relay
from sync_pipeline_tests.commands import Commands


@dataclass(frozen=True)
class Dev:
    """The running `dev`, and where its webhook receiver listens."""

    process: subprocess.Popen[str]
    receiver: str


@dataclass(frozen=True)
class Surroundings:
    """The command line, the `dev` that it has started, its ledger and runs, and the relay before its search cluster."""

    commands: Commands
    dev: Dev
    ledger: Ledger
    dagster: dg.DagsterInstance
    relay: Relay

    def say(self, *words: str, stdin: str = "") -> Any:
        """What a command answers, as JSON if it was asked for; it must succeed."""
        answer = self.commands(*words, stdin=stdin)
        assert answer.status == 0, answer
        return answer.json() if "--json" in words else answer.out

    def drain(self, store_hash: str) -> SyncBatch | None:
        """The store's drain, if one is at work."""
        batches = self.ledger.list(scope=store_scope(store_hash))
        return next((one for one in batches if one.lane == "events" and one.status == "processing"), None)

    def events(self, store_hash: str) -> list[WebhookEvent]:
        """Every event of the store, the oldest first."""
        query = select(WebhookEvent).where(WebhookEvent.store_hash == store_hash).order_by(WebhookEvent.id)
        with self.ledger.session() as session:
            return list(session.scalars(query))

    def has_events(self, store_hash: str, *states: str) -> bool:
        """Whether an event of the store is in one of these states."""
        query = select(WebhookEvent.id).where(WebhookEvent.store_hash == store_hash, WebhookEvent.state.in_(states))
        with self.ledger.session() as session:
            return session.scalar(query.limit(1)) is not None


@contextmanager
def running_dev(commands: Commands) -> Iterator[Dev]:
    """`dev` from its last line of greeting until the end of the context."""
    process = commands.start("dev")
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if "Ctrl-C" in line:
            break
    assert process.poll() is None, said
    [receiver] = [line.split()[1] for line in said if line.startswith("Webhooks")]
    try:
        yield Dev(process, receiver)
    finally:
        process.terminate()
        process.communicate(timeout=90)
        commands("down")


def kill_service(commands: Commands, name: str) -> Callable[[], bool]:
    """Kills a process of `dev`; the answer says whether another one serves in its place."""

    def serving() -> int | None:
        status = running(commands.folder / "state")
        service = status.services.get(name) if status else None
        return service.pid if service and service.state == "ready" else None

    killed = serving()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    return lambda: serving() not in {None, killed}


@contextmanager
def suspended(pid: int) -> Iterator[int]:
    """A process that stands still until the end of the context, as on a machine that sleeps."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def dagster_instance(commands: Commands) -> Iterator[dg.DagsterInstance]:
    """Dagster's storage as the processes of `dev` use it."""
    exported = commands("env", "--json").json()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_DATABASE_URL", make_url(exported["DAGSTER_DATABASE_URL"]).render_as_string(False))
        instance = dg.DagsterInstance.from_config(exported["DAGSTER_HOME"])
    with instance:
        yield instance


def worker_of(instance: dg.DagsterInstance, run_id: str) -> int:
    """The process that executes a run, as the run itself wrote it into its event log."""
    messages = [event.user_message for event in instance.all_logs(run_id)]
    found = [match[1] for message in messages if (match := re.search(r"\(pid: (\d+)\)", message))]
    assert found, messages
    return int(found[-1])


def sensors_are_looked_at_since(instance: dg.DagsterInstance, moment: float) -> bool:
    """Whether a daemon has begun to work through the sensors after ``moment`` (epoch seconds)."""
    heartbeat = instance.get_daemon_statuses()["SENSOR"].last_heartbeat
    return heartbeat is not None and heartbeat.timestamp > moment
