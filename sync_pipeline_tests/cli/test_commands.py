"""The command line from end to end, as a newcomer uses it."""

from __future__ import annotations

import json

import pytest

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.types import BatchType
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.commands import Commands
from sync_pipeline_tests.connectors.elasticsearch.stub_server import Answer, running_stub_server
from sync_pipeline_tests.waiting import wait_for


@pytest.mark.real_elasticsearch
def test_a_store_is_added_synchronised_and_found(commands: Commands, store: str):
    [listed] = commands("stores", "list", "--json").json()
    assert (listed["hash"], listed["name"], listed["language"]) == (store, "Harbour & Pine", "en")
    not_yet = commands("search", "--store", store, "tent").failed_in_one_line(2)
    assert f"store {store} has no index yet" in not_yet

    run = commands("sync", "run", "--store", store, "--type", "all")
    assert (run.status, run.error) == (0, "")
    assert run.out.count("\n") == 1
    assert f"(all of store {store}) completed: 104 read, 94 written, 10 filtered" in run.out

    hits = commands("search", "--store", store, "--json", "three-seat", "sofa").json()
    assert hits[0]["_source"]["name"] == "Skerry Three-Seat Sofa"
    assert "Skerry Three-Seat Sofa" in commands("search", "--store", store, "sofa").out

    [batch] = commands("batches", "list", "--store", store, "--json").json()
    shown = commands("batches", "show", str(batch["id"]), "--json").json()
    assert (shown["status"], shown["trigger"], shown["type"]) == ("completed", "manual", "all")
    assert [attempt["status"] for attempt in shown["attempts"]] == ["completed"]
    assert "completed" in commands("batches", "list").out


def test_store_that_is_there_keeps_what_it_has_when_it_is_added_again(commands: Commands, store: str):
    before = commands("schedules", "list", "--store", store, "--json").json()
    again = commands("stores", "add", store, "--token-stdin", stdin="the-secret-token\n")
    assert (again.status, f"store {store} (Harbour & Pine) was there already: " in again.out) == (0, True)
    assert commands("schedules", "list", "--store", store, "--json").json() == before
    named = commands("stores", "add", store, "--name", "Other", "--token-stdin", stdin="the-secret-token\n")
    assert "is already there" in named.failed_in_one_line(2)


def test_addresses_are_exported_without_a_slash_at_the_end(commands: Commands):
    exported = commands("env", "--json", BIGCOMMERCE_API_URL="http://127.0.0.1:9/api/").json()
    assert exported["BIGCOMMERCE_API_URL"] == "http://127.0.0.1:9/api"
    assert not exported["ELASTICSEARCH_URL"].endswith("/")


def test_synonyms_are_kept_and_work_after_a_batch(commands: Commands, store: str):
    commands("sync", "run", "--store", store)
    before = commands("search", "--store", store, "--json", "telly").json()
    assert commands("synonyms", "add", "--store", store, "telly => television").status == 0
    assert commands("synonyms", "list", "--store", store, "--json").json() == ["telly => television"]
    assert commands("sync", "run", "--store", store, "--type", "synonyms").status == 0
    assert len(commands("search", "--store", store, "--json", "telly").json()) > len(before)


def test_words_are_imported_from_a_file_line_by_line(commands: Commands, store: str):
    (commands.folder / "words.txt").write_text("# ours\nplease\n\nThanks  # both\n")
    assert commands("stop-words", "import", "--store", store, "words.txt").status == 0
    assert commands("stop-words", "list", "--store", store).out.split() == ["please", "thanks"]
    assert commands("stop-words", "remove", "--store", store, "please", "--json").json() == {"changed": 1}


def test_an_enqueued_batch_waits_and_warns_without_a_daemon(commands: Commands, store: str):
    answer = commands("sync", "run", "--store", store, "--enqueue", "--delay", "60", "--json")
    assert answer.status == 0
    assert answer.json()["status"] == "pending"
    assert answer.json()["not_before"] is not None
    assert answer.error.startswith("warning: no Dagster daemon lives")


def test_a_token_is_replaced_after_the_new_one_was_tried(commands: Commands, store: str, sandbox):
    refused = commands("stores", "reenter-token", store, "--token-stdin", stdin="wrong\n")
    assert "token" in refused.failed_in_one_line(1)
    sandbox.admin.configure(store, token="a-newer-token")
    assert commands("stores", "reenter-token", store, "--token-stdin", stdin="a-newer-token\n").status == 0
    assert commands("sync", "run", "--store", store, "--type", "blog").status == 0


def test_health_names_what_works_and_what_does_not(commands: Commands, store: str, sandbox):
    answer = commands("health", "--json")
    findings = {finding["what"]: finding["ok"] for finding in answer.json()}
    assert findings.pop("Dagster daemon") is False
    assert all(findings.values()), answer.out
    assert f"store {store}" in findings
    assert answer.status == 1
    sandbox.admin.configure(store, status="suspended")
    assert f"FAIL  store {store}" in commands("health").out


@pytest.mark.invariant("7.4", "7.7")
def test_no_command_shows_a_secret(commands: Commands, store: str):
    for words in (
        ["stores", "list", "--json"],
        ["stores", "show", store],
        ["sync", "run", "--store", store, "--type", "synonyms", "--json"],
        ["health", "--json"],
    ):
        answer = commands(*words)
        assert "the-secret-token" not in answer.out + answer.error
    written = [path for path in (commands.folder / "state").rglob("*") if path.is_file()]
    assert written
    assert not any(b"the-secret-token" in path.read_bytes() for path in written)


def test_an_incremental_and_a_selective_batch(commands: Commands, store: str, sandbox):
    assert commands("sync", "run", "--store", store).status == 0
    sandbox.admin.update(store, "products", 101, {"name": "Skerry Four-Seat Sofa"})
    incremental = commands("sync", "run", "--store", store, "--mode", "incremental", "--json").json()
    assert (incremental["mode"], incremental["counts"]["products"]["written"]) == ("incremental", 1)
    words = ["--mode", "selective", "--type", "product", "--ids", "101,102"]
    selective = commands("sync", "run", "--store", store, *words)
    assert (selective.status, "2 read, 2 unchanged" in selective.out) == (0, True)


def test_dead_letters_are_listed_shown_replayed_discarded_and_exported(commands: Commands, store: str, sandbox):
    for product in (101, 102):
        sandbox.admin.update(store, "products", product, {"name": ""})
    assert commands("sync", "run", "--store", store, "--type", "product").status == 0
    listed = commands("dead-letters", "list", "--store", store, "--json").json()
    assert {letter["key"] for letter in listed} == {"product-101", "product-102"}
    first, second = (str(letter["id"]) for letter in sorted(listed, key=lambda letter: letter["key"]))
    assert '"id":101' in commands("dead-letters", "show", first).out
    still = commands("dead-letters", "replay", first)
    assert (still.status, "is open: " in still.out) == (1, True)
    sandbox.admin.update(store, "products", 101, {"name": "Mended Sofa"})
    assert "is replayed" in commands("dead-letters", "replay", first).out
    assert commands("dead-letters", "discard", second).status == 0
    assert "is discarded, not open" in commands("dead-letters", "discard", second).failed_in_one_line(2)
    assert "no dead letters" in commands("dead-letters", "list", "--store", store).out
    exported = commands("dead-letters", "export", "--store", store).out.splitlines()
    assert sorted(json.loads(line)["state"] for line in exported) == ["discarded", "replayed"]
    assert "does not exist" in commands("dead-letters", "show", "4711").failed_in_one_line(2)


def test_a_dry_run_prints_what_would_happen_and_makes_no_batch(commands: Commands, store: str):
    answer = commands("sync", "run", "--store", store, "--dry-run")
    assert answer.status == 0
    assert answer.out.splitlines()[1].split() == ["products", "52", "0", "0", "0", "2", "0"]
    assert commands("batches", "list", "--json").json() == []
    asked = commands("sync", "run", "--store", store, "--dry-run", "--enqueue", "--json").json()
    assert (asked["dry_run"], asked["status"]) == (True, "pending")
    shown = commands("batches", "show", str(asked["id"]), "--json").json()
    assert shown["dry_run"] is True
    assert "full, dry run" in commands("batches", "list").out


def test_a_pending_batch_is_cancelled_and_counted(commands: Commands, store: str):
    number = commands("sync", "run", "--store", store, "--enqueue", "--json").json()["id"]
    assert commands("batches", "cancel", str(number)).out == f"batch {number} is cancelled\n"
    assert "is failed: there is nothing to cancel" in commands("batches", "cancel", str(number)).failed_in_one_line(1)
    assert commands("sync", "run", "--store", store, "--type", "synonyms").status == 0
    stats = commands("batches", "stats", "--json").json()
    assert (stats["by_status"]["completed"], stats["success_share"], stats["failures"]) == (1, 1.0, {})
    told = commands("batches", "stats").out
    assert "0 pending, 0 processing, 1 completed, 0 failed, 1 cancelled, 0 interrupted (last 7 days)" in told
    assert "100.0% of those that ended succeeded" in told


def test_batch_without_a_sign_of_life_is_listed_as_stalled(commands: Commands, store: str, ledger: Ledger):
    batch = ledger.request(store_request(store, BatchType.SYNONYMS))
    ledger.claim(batch.id, run_id="dead", planned=["synonyms"])
    assert commands("batches", "list", "--json").json()[0]["stalled_since"] is None
    pass_time(ledger, 31)
    since = ledger.get(batch.id).heartbeat_at
    assert since is not None
    assert f"stalled since {since:%Y-%m-%d %H:%M:%S}" in " ".join(commands("batches", "list").out.split())
    shown = commands("batches", "show", str(batch.id), "--json").json()
    assert (shown["status"], shown["stalled_since"]) == ("processing", shown["heartbeat_at"])


def test_a_batch_that_another_command_runs_is_cancelled_and_writes_no_more(
    commands: Commands, store: str, sandbox: SandboxServer
):
    sandbox.admin.inject(store, FaultKind.LATENCY, path="*/v3/catalog/products", seconds=60)
    running = commands.start("sync", "run", "--store", store)

    def reading() -> int | None:
        batches = commands("batches", "list", "--status", "processing", "--json").json()
        return batches[0]["id"] if batches and "search_index" in batches[0]["counts"] else None

    number = wait_for(reading, what="a batch that reads the shop")
    assert commands("batches", "cancel", str(number)).status == 0
    sandbox.admin.clear_faults(store)
    said, _ = running.communicate(timeout=60)
    assert (running.returncode, f"batch {number} (all of store {store}) failed: it was cancelled" in said) == (1, True)
    hits = commands("search", "--store", store, "sofa", "--json")
    assert not [hit for hit in (hits.json() if hits.out else []) if hit["_id"].startswith("product")]


def test_server_that_only_calls_itself_elasticsearch_is_told(commands: Commands, store: str):
    with running_stub_server() as server:
        server.answer(Answer(body={"version": {"number": "9.1.0"}}))
        health = commands("health", "--json", ELASTICSEARCH_URL=server.url)
        lines = {line["what"]: line for line in health.json()}
        assert (health.status, health.error) == (3, "")
        for what in ("search cluster", "search key"):
            assert "does not answer as Elasticsearch does" in lines[what]["detail"]
        assert lines[f"store {store}"]["ok"]
        search = commands("search", "--store", store, "x", ELASTICSEARCH_URL=server.url)
    assert "does not answer as Elasticsearch does" in search.failed_in_one_line(3)
