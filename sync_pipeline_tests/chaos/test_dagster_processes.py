"""The seed's scenarios through the real daemon, code server and run workers of `dev`, and what happens on kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import Any

import dagster as dg
import pytest

from sync_pipeline.batches.cron import next_run
from sync_pipeline.batches.database import make_engine
from sync_pipeline.batches.models import SyncBatch, SyncSchedule
from sync_pipeline.batches.schedules import add_schedule, get_schedule
from sync_pipeline.batches.schema import upgrade
from sync_pipeline.batches.secrets import new_key_entry
from sync_pipeline.local.engines import running
from sync_pipeline.local.processes import start_time
from sync_pipeline.orchestration.instance import IN_FLIGHT
from sync_pipeline.orchestration.tags import PARTITION_TAG, run_tags
from sync_pipeline.pipelines.store_search.requests import recurring_request
from sync_pipeline.pipelines.store_search.stores.stores import store_scope
from sync_pipeline.pipelines.store_search.types import BatchType
from sync_pipeline.sandboxes.bigcommerce.event_messages import EventSettings
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.chaos.after_kills import check_recovered
from sync_pipeline_tests.chaos.buttons import (
    backfill,
    execute_checks,
    launch,
    launch_refused,
    press_reexecute,
    press_terminate,
)
from sync_pipeline_tests.chaos.living_dev import dagster_instance, kill_service, running_dev, suspended, worker_of
from sync_pipeline_tests.commands import Commands
from sync_pipeline_tests.conftest import REAL_SERVERS, _temporary_database
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.events.told_events import states
from sync_pipeline_tests.schedules import is_long_run
from sync_pipeline_tests.waiting import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.real_elasticsearch]

PRODUCTS = "*/v3/catalog/products"


@pytest.fixture(scope="module")
def commands(
    server_url: str, elasticsearch_url: str, sandbox: SandboxServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Commands]:
    """The command line with databases of the module's own."""
    database = contextmanager(_temporary_database)
    with database(server_url) as url, database(server_url) as of_dagster:
        engine = make_engine(url)
        upgrade(engine)
        engine.dispose()
        yield Commands(
            tmp_path_factory.mktemp("dev"),
            {
                "DATABASE_URL": url.replace("postgresql+psycopg", "postgresql"),
                "DAGSTER_DATABASE_URL": of_dagster.replace("postgresql+psycopg", "postgresql"),
                "ELASTICSEARCH_URL": elasticsearch_url,
                "BIGCOMMERCE_API_URL": sandbox.base_url,
                "SYNC_PIPELINE_SECRET_KEYS": new_key_entry("chaos"),
            },
        )


@pytest.fixture(scope="module")
def dev(commands: Commands) -> Iterator[subprocess.Popen[str]]:
    """A running `sync-pipeline dev`, stopped at the end."""
    with running_dev(commands) as started:
        yield started.process


@pytest.fixture(scope="module")
def dagster(dev: subprocess.Popen[str], commands: Commands) -> Iterator[dg.DagsterInstance]:
    """Where the runs of `dev` write their events."""
    with dagster_instance(commands) as instance:
        yield instance


def until(shop: Shop, number: int, what: str, condition: Callable[[SyncBatch], object]) -> SyncBatch:
    """The batch, once the condition holds."""

    def look() -> SyncBatch | None:
        found = shop.pipeline.ledger.get(number)
        return found if condition(found) else None

    return wait_for(look, what=f"batch {number} {what}", seconds=120)


def under_way(shop: Shop, number: int) -> SyncBatch:
    """The batch, once its imports read the shop."""
    return until(shop, number, "under way", lambda batch: "search_index" in batch.counts)


def ended(shop: Shop, number: int) -> SyncBatch:
    """The batch, once it is over."""
    return until(shop, number, "at its end", lambda batch: batch.status in {"completed", "failed"})


@pytest.mark.invariant("1.5", "3.6", "5.4")
def test_batches_go_from_pending_to_their_end_and_a_killed_daemon_comes_back(
    dev: subprocess.Popen[str], commands: Commands, shop: Shop
):
    second = commands("dev").failed_in_one_line(2)
    assert f"pid {dev.pid}" in second

    # Happy path: pending, processing, completed, everything materialized. Without its daemon, too, a run goes on.
    shop.sandbox.admin.inject(shop.hash, FaultKind.LATENCY, path=PRODUCTS, seconds=2, count=1)
    asked = commands("sync", "run", "--store", shop.hash, "--enqueue", "--json")
    under_way(shop, asked.json()["id"])
    daemon_is_back = kill_service(commands, "daemon")
    done = ended(shop, asked.json()["id"])
    assert done.status == "completed", done.error
    assert sorted(done.counts) == ["blog_posts", "categories", "products", "search_index", "stop_words", "synonyms"]
    served = shop.documents()
    assert shop.search("sofa")
    wait_for(daemon_is_back, what="the next daemon")

    # A failing import: the batch fails, the error is kept, the old index answers.
    shop.sandbox.admin.inject(shop.hash, FaultKind.WRONG_TOKEN, path=PRODUCTS)
    failed = ended(shop, shop.request(BatchType.PRODUCT).id)
    assert (failed.status, failed.error["kind"], failed.error["store"]) == ("failed", "unauthorized", shop.hash)
    assert shop.documents() == served

    # *Re-execute* of the UI is its next attempt, and of that one, which went well, a batch of its own.
    shop.sandbox.admin.clear_faults(shop.hash)
    press_reexecute(commands, failed.dagster_run_id or "")
    again = until(shop, failed.id, "completed", lambda batch: batch.status == "completed")
    assert again.attempt == 2
    press_reexecute(commands, again.dagster_run_id or "")
    wait_for(lambda: shop.pipeline.ledger.list()[0].id > again.id, what="a batch of its own")
    another = ended(shop, shop.pipeline.ledger.list()[0].id)
    assert (another.status, another.type, another.trigger) == ("completed", "product", "manual")
    assert dev.poll() is None


def shown(shop: Shop, name: str) -> None:
    """Until a search shows the product under its new name."""

    def look() -> bool:
        shop.refresh()
        return shop.documents()["product-101"]["name"] == name

    wait_for(look, what=f"{name} in the index", seconds=120)


@pytest.mark.invariant("1.1", "1.4", "1.5", "2.5")
def test_events_survive_a_killed_drain_and_a_killed_receiver(
    dev: subprocess.Popen[str], commands: Commands, shop: Shop, dagster: dg.DagsterInstance
):
    admin = shop.sandbox.admin
    shop.run_plain()
    status = running(commands.folder / "state")
    assert status is not None
    receiver = f"http://127.0.0.1:{status.services['api'].port}"
    made = commands("webhooks", "register", "--store", shop.hash, "--url", receiver)
    assert made.status == 0, made
    admin.configure_events(shop.hash, EventSettings(retry_factor=0.01))

    # Edited, told, found; then the drain is killed while it fetches, and the next one does its work.
    admin.update(shop.hash, "products", 101, {"name": "Told by a webhook"})
    shown(shop, "Told by a webhook")
    [drain] = [batch for batch in shop.pipeline.ledger.list(scope=store_scope(shop.hash)) if batch.lane == "events"]
    assert drain.dagster_run_id is not None
    admin.inject(shop.hash, FaultKind.LATENCY, path=PRODUCTS, seconds=60)
    admin.update(shop.hash, "products", 101, {"name": "Told to a dead drain"})
    wait_for(lambda: "claimed" in states(shop).values(), what="a claimed event")
    os.kill(worker_of(dagster, drain.dagster_run_id), signal.SIGKILL)
    admin.clear_faults(shop.hash)
    assert ended(shop, drain.id).error["kind"] == "lost"
    shown(shop, "Told to a dead drain")

    # What is told while nobody listens is told again.
    receiver_is_back = kill_service(commands, "api")
    admin.update(shop.hash, "products", 101, {"name": "Told to nobody"})
    wait_for(receiver_is_back, what="the next receiver")
    shown(shop, "Told to nobody")
    wait_for(lambda: set(states(shop).values()) <= {"done", "coalesced"}, what="every event done")
    assert dev.poll() is None


@pytest.mark.invariant("1.4", "1.5", "5.4")
def test_a_killed_worker_and_a_killed_code_server_lose_no_batch(
    dev: subprocess.Popen[str], commands: Commands, shop: Shop, dagster: dg.DagsterInstance
):
    shop.run_plain()
    served = shop.documents()
    ledger = shop.pipeline.ledger
    shop.sandbox.admin.update(shop.hash, "products", 101, {"price": 4711})
    shop.sandbox.admin.inject(shop.hash, FaultKind.LATENCY, path=PRODUCTS, seconds=60)

    # The run's own process: the code server notices, and the batch is closed at once.
    batch = under_way(shop, shop.request(BatchType.ALL).id)
    os.kill(worker_of(dagster, batch.dagster_run_id or ""), signal.SIGKILL)
    killed = ended(shop, batch.id)
    assert (killed.status, killed.error["kind"]) == ("failed", "lost")
    assert shop.documents() == served

    # The code server takes its runs along: nobody is there to tell, and the silence gives it away.
    assert commands("batches", "retry", str(batch.id)).status == 0
    second = until(shop, batch.id, "under way", lambda now: now.attempt == 2 and "search_index" in now.counts)
    worker = worker_of(dagster, second.dagster_run_id or "")
    code_server_is_back = kill_service(commands, "code_server")
    wait_for(lambda: start_time(worker) is None, what="the end of the worker")
    shop.sandbox.admin.clear_faults(shop.hash)
    wait_for(code_server_is_back, what="the next code server")
    pass_time(ledger, 30)
    killed = ended(shop, batch.id)
    assert (killed.status, killed.error["kind"]) == ("failed", "lost")
    assert shop.documents() == served
    wait_for(lambda: run_status(dagster, second) == "CANCELED", what="the end of the run that nobody executes")

    ledger.retry(batch.id)
    done = ended(shop, batch.id)
    assert (done.status, done.attempt) == ("completed", 3), done.error
    assert [attempt.status for attempt in ledger.attempts(batch.id)] == ["failed", "failed", "completed"]
    assert shop.documents()["product-101"]["price"] == 4711
    check_recovered(shop, done)

    # One that stands still is gone before its batch goes on, and no other run waits for it.
    shop.sandbox.admin.inject(shop.hash, FaultKind.LATENCY, path=PRODUCTS, seconds=120)
    frozen = under_way(shop, shop.request(BatchType.ALL).id)
    with suspended(worker_of(dagster, frozen.dagster_run_id or "")) as still:
        pass_time(ledger, 30)
        wait_for(lambda: start_time(still) is None, what="the end of the frozen worker")
        assert ended(shop, frozen.id).error["kind"] == "lost"
        assert ended(shop, shop.request(BatchType.SYNONYMS).id).status == "completed"
    shop.sandbox.admin.clear_faults(shop.hash)
    assert dev.poll() is None


def run_status(dagster: dg.DagsterInstance, batch: SyncBatch) -> str:
    """Where the batch's run stands in Dagster."""
    run = dagster.get_run_by_id(batch.dagster_run_id or "")
    assert run is not None
    return run.status.value


@pytest.mark.invariant("1.6")
def test_terminate_is_a_cancel_whether_a_run_waits_or_works(
    dev: subprocess.Popen[str], commands: Commands, shop: Shop, dagster: dg.DagsterInstance
):
    ledger = shop.pipeline.ledger
    shop.sandbox.admin.inject(shop.hash, FaultKind.LATENCY, path=PRODUCTS, seconds=120)

    def cancelled(batch: SyncBatch) -> None:
        after = ended(shop, batch.id)
        assert (after.status, after.error["kind"], after.error["retry"]) == ("failed", "cancelled", "person")

    # At work, waiting for the shop's answer.
    batch = under_way(shop, shop.request(BatchType.ALL, max_attempts=4).id)
    press_terminate(commands, batch.dagster_run_id or "")
    cancelled(batch)
    wait_for(lambda: run_status(dagster, batch) == "CANCELED", what="the end of the run")

    # The same, marked by force before its process has ended.
    forced = under_way(shop, shop.request(BatchType.ALL, max_attempts=4).id)
    press_terminate(commands, forced.dagster_run_id or "", policy="MARK_AS_CANCELED_IMMEDIATELY")
    cancelled(forced)

    # Not by a person: what ran it is told to end, as when a machine is shut down. The next attempt follows at once.
    stopped = under_way(shop, shop.request(BatchType.ALL).id)
    os.kill(worker_of(dagster, stopped.dagster_run_id or ""), signal.SIGTERM)
    again = until(shop, stopped.id, "in its next attempt", lambda now: now.attempt == 2)
    assert [(one.error or {})["kind"] for one in ledger.attempts(stopped.id)] == ["interrupted"]
    assert again.max_attempts == 2
    assert commands("batches", "cancel", str(stopped.id)).status == 0
    shop.sandbox.admin.clear_faults(shop.hash)

    # In the queue, while nothing takes it out.
    status = running(commands.folder / "state")
    assert status is not None
    with suspended(status.services["daemon"].pid or 0):
        waiting = shop.request(BatchType.SYNONYMS, max_attempts=4)
        queued = launch(commands, "sync_synonyms", {**run_tags(waiting), PARTITION_TAG: shop.hash})
        press_terminate(commands, queued)
    cancelled(waiting)
    assert ledger.get(waiting.id).dagster_run_id is None
    assert dev.poll() is None


def test_a_cancelled_batchs_run_is_stopped_and_a_due_schedule_runs_by_itself(
    dev: subprocess.Popen[str], commands: Commands, shop: Shop, dagster: dg.DagsterInstance
):
    ledger = shop.pipeline.ledger
    shop.sandbox.admin.inject(shop.hash, FaultKind.LATENCY, path=PRODUCTS, seconds=600)
    batch = under_way(shop, shop.request(BatchType.ALL).id)
    worker = worker_of(dagster, batch.dagster_run_id or "")
    assert commands("batches", "cancel", str(batch.id)).out == f"batch {batch.id} is cancelled\n"
    wait_for(lambda: start_time(worker) is None, what="the end of the worker")
    shop.sandbox.admin.clear_faults(shop.hash)
    cancelled = ledger.get(batch.id)
    assert (cancelled.status, cancelled.error and cancelled.error["kind"]) == ("failed", "cancelled")

    schedule = add_schedule(ledger, recurring_request(shop.hash, BatchType.SYNONYMS), cron="0 2 * * *")
    with ledger.session() as session:
        session.get_one(SyncSchedule, schedule.id).next_run_at = ledger.clock.now()

    def scheduled() -> int | None:
        found = [one.id for one in ledger.list(scope=store_scope(shop.hash)) if one.schedule_id == schedule.id]
        return found[0] if found else None

    made = wait_for(scheduled, what="the batch of the schedule", seconds=120)
    done = ended(shop, made)
    assert (done.status, done.trigger, done.is_scheduled) == ("completed", "schedule", True)
    after = get_schedule(ledger, schedule.id)
    assert done.next_run_at == after.next_run_at == next_run("0 2 * * *", "UTC", done.finished_at or ledger.clock.now())


def test_buttons_of_the_ui_serve_one_store_and_three(
    dev: subprocess.Popen[str], commands: Commands, new_shop: Any, dagster: dg.DagsterInstance
):
    shops: list[Shop] = [new_shop() for _ in range(3)]
    shop, partition = shops[0], {PARTITION_TAG: shops[0].hash}
    shop.run_plain()
    known = {one.hash for one in shops}
    wait_for(lambda: known <= set(dagster.get_dynamic_partitions("store_search_stores")), what="their partitions")

    # *Launch run* with a run config: a dry run, and one with a field that does not exist.
    dry = ended(shop, of_run(shop, launch(commands, "sync_product", partition, dry_run=True)).id)
    assert (dry.status, dry.dry_run, dry.counts["dry_run"]["create"]) == ("completed", True, 0)
    assert '"dryrun"' in launch_refused(commands, "sync_product", partition, dryrun=True)

    # Checks without their assets.
    products = ["store_search", "products"]
    checked = of_run(shop, execute_checks(commands, products, ["in_step", "fresh", "books_balance"], partition))
    assert ended(shop, checked.id).type == "verify"
    keys = [dg.AssetCheckKey(dg.AssetKey(products), name) for name in ("in_step", "fresh", "books_balance")]

    def passed() -> bool:
        found = dagster.event_log_storage.get_asset_check_partition_info(keys, partition_keys=[shop.hash])
        return [info.latest_execution_status.value for info in found] == ["SUCCEEDED"] * 3

    wait_for(passed, what="the results of the checks")

    # A backfill of three stores; its runs get the tags of their batches.
    backfill(commands, ["store_search", "synonyms"], sorted(known))
    for one in shops:
        [batch] = wait_for(partial(batches_of, one, "synonyms"), what="the batch of a backfill", seconds=120)
        done = ended(one, batch.id)
        assert (done.status, done.trigger) == ("completed", "manual"), done.error
        run = dagster.get_run_by_id(done.dagster_run_id or "")
        assert run is not None
        assert run_tags(done, "Shop").items() <= run.tags.items()
    assert dev.poll() is None


def batches_of(shop: Shop, batch_type: str) -> list[SyncBatch]:
    """The store's batches of a type."""
    return [one for one in shop.pipeline.ledger.list(scope=store_scope(shop.hash)) if one.type == batch_type]


def of_run(shop: Shop, run_id: str) -> SyncBatch:
    """The batch of a run that a person started, once there is one."""
    return wait_for(lambda: shop.pipeline.ledger.of_run(run_id), what="the batch of the run", seconds=120)


@pytest.mark.invariant("1.5", "1.6")
def test_ctrl_c_interrupts_what_is_in_flight_and_the_next_start_takes_it_up(
    dev: subprocess.Popen[str], commands: Commands, shop: Shop, dagster: dg.DagsterInstance
):
    """The last one but one: it ends the module's `dev`."""
    shop.sandbox.admin.inject(shop.hash, FaultKind.LATENCY, path=PRODUCTS, seconds=120)
    batch = under_way(shop, shop.request(BatchType.ALL).id)
    worker = worker_of(dagster, batch.dagster_run_id or "")
    dev.send_signal(signal.SIGINT)
    assert dev.stdout is not None
    assert any(line.startswith("stopping: ") for line in dev.stdout)
    dev.send_signal(signal.SIGINT)  # once more, at once: no 10 s for the run
    said, _ = dev.communicate(timeout=90)
    assert dev.returncode == 0, said
    assert "1 runs were interrupted: the next start takes up their batches" in said
    assert start_time(worker) is None
    assert run_status(dagster, batch) == "CANCELED"
    assert dagster.get_run_ids(dg.RunsFilter(statuses=IN_FLIGHT)) == []
    stopped = shop.pipeline.ledger.get(batch.id)
    assert (stopped.status, stopped.error["kind"], stopped.attempt, stopped.max_attempts) == (
        *("failed", "interrupted"),
        *(1, 2),
    )
    shop.sandbox.admin.clear_faults(shop.hash)
    with running_dev(commands):
        done = until(shop, batch.id, "completed", lambda now: now.status == "completed")
    assert done.attempt == 2


@pytest.mark.skipif(
    not (REAL_SERVERS["ELASTICSEARCH_URL"] or is_long_run()),
    reason="two more starts: runs in `make chaos`, and where ELASTICSEARCH_URL names a real Elasticsearch",
)
@pytest.mark.invariant("1.5", "1.6")
def test_death_of_everything_leaves_nothing_in_flight(
    dev: subprocess.Popen[str], commands: Commands, shop: Shop, dagster: dg.DagsterInstance
):
    """As when the power fails. The last one, for the same reason."""
    ledger = shop.pipeline.ledger
    shop.sandbox.admin.inject(shop.hash, FaultKind.LATENCY, path=PRODUCTS, seconds=120)
    with nullcontext() if dev.poll() is None else running_dev(commands) as another:
        batch = under_way(shop, shop.request(BatchType.ALL).id)
        process = dev if another is None else another.process
        kill_everything(commands, process.pid, worker_of(dagster, batch.dagster_run_id or ""))
    shop.sandbox.admin.clear_faults(shop.hash)
    with running_dev(commands):
        pass_time(ledger, 30)
        killed = ended(shop, batch.id)
        assert (killed.status, killed.error["kind"]) == ("failed", "lost")
        wait_for(lambda: dagster.get_run_ids(dg.RunsFilter(statuses=IN_FLIGHT)) == [], what="the end of its run")
        ledger.retry(batch.id)
        assert ended(shop, batch.id).status == "completed"
        check_recovered(shop, ledger.get(batch.id))


def kill_everything(commands: Commands, *others: int) -> None:
    """Kills what serves the folder of the commands, its supervisor first, and some other processes."""
    status = running(commands.folder / "state")
    assert status is not None
    for pid in (status.process.pid, *others, *(service.pid for service in status.services.values() if service.pid)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
