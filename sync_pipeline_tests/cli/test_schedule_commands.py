"""Schedules through the command line, and those that a new store gets."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from sync_pipeline.batches.requests import Mode
from sync_pipeline.pipelines.store_search.stores.default_schedules import default_times, weekly_time
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline_tests.commands import Commands


def test_new_store_gets_nightly_hourly_and_weekly_batches_in_its_own_time_zone(commands: Commands, store: str):
    shown = commands("stores", "show", store, "--json").json()["schedules"]
    assert [(one["mode"], one["type"], one["timezone"], one["active"]) for one in shown] == [
        ("full", "all", "Europe/London", True),
        ("incremental", "all", "Europe/London", True),
        ("full", "verify", "Europe/London", True),
    ]
    assert [one["cron"] for one in shown] == [*default_times(store).values(), weekly_time(store)]
    assert f'at \\"{shown[0]["cron"]}\\" Europe/London, next ' in commands("stores", "show", store).out


def test_default_minutes_are_spread_over_the_stores():
    minutes = {default_times(f"store{number}")[Mode.FULL].split()[0] for number in range(500)}
    assert len(minutes) == 60


@pytest.mark.parametrize("timezone", [{"name": "Mars/Base"}, {"name": 3}, [], None, {"name": "America/New_York"}])
def test_the_answer_names_the_schedules_and_a_zone_that_is_none_is_utc(
    commands: Commands, sandbox: SandboxServer, timezone: Any
):
    store = f"t{secrets.token_hex(6)}"
    sandbox.admin.open_demo(store, token="the-secret-token")
    sandbox.sandbox.stores[store].catalog.info["timezone"] = timezone
    added = commands("stores", "add", store, "--token-stdin", stdin="the-secret-token\n")
    zone = "America/New_York" if timezone == {"name": "America/New_York"} else "UTC"
    assert f'schedule 1: full all at "{default_times(store)[Mode.FULL]}" {zone}, next ' in added.out
    sandbox.admin.close_store(store)


def test_a_store_without_schedules(commands: Commands, sandbox: SandboxServer):
    store = f"t{secrets.token_hex(6)}"
    sandbox.admin.open_demo(store, token="the-secret-token")
    added = commands("stores", "add", store, "--token-stdin", "--no-schedules", "--json", stdin="the-secret-token\n")
    assert added.json()["schedules"] == []
    assert commands("schedules", "list", "--store", store).out == "no schedules\n"
    sandbox.admin.close_store(store)


def test_a_schedule_is_tried_added_changed_and_removed(commands: Commands, store: str):
    words = ["schedules", "add", "--store", store, "--type", "product", "--cron", "0 2 * * *"]
    runs = commands(*words, "--timezone", "Europe/Berlin", "--dry-run").out.splitlines()
    assert [run[11:] for run in runs] == ["02:00 Europe/Berlin"] * 5
    assert len(commands(*words, "--dry-run", "--json").json()["next_runs"]) == 5
    added = commands(*words, "--json").json()
    assert (added["type"], added["mode"], added["timezone"], added["store_hash"]) == ("product", "full", "UTC", store)
    assert "already" in commands(*words).failed_in_one_line(2)
    number = str(added["id"])
    changed = commands("schedules", "change", number, "--cron", "5 4 * * 1", "--mode", "incremental").out
    assert changed.startswith(f'schedule {number}: incremental product at "5 4 * * 1" UTC, next ')
    assert "inactive" in commands("schedules", "change", number, "--inactive").out
    assert "does not recur" in commands("schedules", "change", number, "--mode", "selective").failed_in_one_line(2)
    listed = commands("schedules", "list", "--store", store, "--json").json()
    assert [(one["id"], one["active"]) for one in listed] == [(1, True), (2, True), (3, True), (int(number), False)]
    assert "5 4 * * 1" in commands("schedules", "list").out
    assert commands("schedules", "remove", number, "--json").json() == {"removed": int(number)}
    malformed = commands("schedules", "add", "--store", store, "--cron", "0 0 30 2 *")
    assert "cron '0 0 30 2 *' is malformed or never fires" in malformed.failed_in_one_line(2)
    assert "time zone 'Moon' is unknown" in commands(*words, "--timezone", "Moon").failed_in_one_line(2)


def test_an_enqueued_batch_may_be_retried_by_the_ledger_and_one_that_runs_here_not(commands: Commands, store: str):
    commands("sync", "run", "--store", store, "--type", "synonyms", "--enqueue", SYNC_PIPELINE_RETRIES="2")
    [batch] = commands("batches", "list", "--json").json()
    assert batch["max_attempts"] == 3
