"""Nonsense, wrong secrets and absent services: one line that a person can act on, and the promised exit status."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sync_pipeline.cli.environment import Environment
from sync_pipeline.cli.health import _state_directory
from sync_pipeline.errors import UsageError
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline.settings import Settings
from sync_pipeline_tests.commands import Commands


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["sync", "run", "--store", "nope"], "store nope is unknown"),
        (["sync", "run", "--store", "No/Such"], "is no store hash"),
        (["sync", "run", "--store", "nope", "--type", "everything"], "type 'everything' is unknown"),
        (["sync", "run", "--store", "nope", "--mode", "sideways"], "mode 'sideways' is unknown"),
        (["sync", "run", "--store", "nope", "--delay", "5"], "--delay goes with --enqueue"),
        (["sync", "run", "--store", "nope", "--delay", "-5"], "greater than or equal to 0"),
        (["sync", "run"], "say what is meant: --store HASH, or --pipeline P --scope S"),
        (["sync", "run", "--store", "nope", "--ids", "1,2"], "mode selective and ids go together"),
        (["sync", "run", "--store", "nope", "--mode", "selective"], "mode selective and ids go together"),
        (
            ["sync", "run", "--store", "nope", "--mode", "selective", "--type", "product", "--ids", "1,x"],
            "'x' is no id",
        ),
        (["sync", "run", "--store", "nope", "--mode", "selective", "--ids", "1"], "'1' could be anything"),
        (["batches", "show", "4711"], "batch 4711 does not exist"),
        (["batches", "show", "abc"], "valid integer"),
        (["batches", "show", "99999999999999999999999"], "less than or equal to"),
        (["dead-letters", "show", "99999999999999999999999"], "less than or equal to"),
        (["batches", "list", "--pipeline", "store_search", "--scope", "a\nb"], "cannot be printed"),
        (["batches", "retry", "4711"], "batch 4711 does not exist"),
        (["batches", "list", "--status", "odd"], "'odd' is not one of"),
        (["search", "--store", "nope", "tent"], "store nope is unknown"),
        (["stores", "show", "nope"], "store nope is unknown"),
        (["stores", "remove", "nope"], "store nope is unknown"),
        (["stores", "add", "a b", "--token-stdin"], "is no store hash"),
        (["stop-words", "add", "--store", "nope", "two words"], "one word without spaces"),
        (["synonyms", "add", "--store", "nope", "alone"], "needs two terms"),
        (["synonyms", "import", "--store", "nope", "absent.txt"], "absent.txt cannot be read"),
        (["schedules", "add", "--store", "nope", "--cron", "0 2 * * *"], "store nope is unknown"),
        (["schedules", "add", "--store", "nope", "--cron", "0 2 * * *", "--mode", "selective"], "does not recur"),
        (
            [
                "schedules",
                "add",
                "--store",
                "nope",
                "--cron",
                "0 2 * * *",
                "--type",
                "synonyms",
                "--mode",
                "incremental",
            ],
            "mode incremental is for records",
        ),
        (["schedules", "change", "4711", "--inactive"], "schedule 4711 does not exist"),
        (["schedules", "change", "4711"], "nothing to change"),
        (["schedules", "remove", "4711"], "schedule 4711 does not exist"),
        (["nonsense"], "No such command"),
    ],
)
def test_wrong_words_are_refused_with_status_2(commands: Commands, words: list[str], reason: str):
    assert reason in commands(*words).failed_in_one_line(2)


@pytest.mark.invariant("7.7")
@pytest.mark.parametrize(
    ("variables", "reasons"),
    [
        ({"DATABASE_URL": "mysql://x"}, ["DATABASE_URL must start with postgres"]),
        ({"LOG_LEVEL": "loud", "DB_POOL_SIZE": "many"}, ["LOG_LEVEL must be one of", "DB_POOL_SIZE"]),
        (
            {"SYNC_PIPELINE_STATEDIR": "x"},
            ["SYNC_PIPELINE_STATEDIR is unknown (did you mean SYNC_PIPELINE_STATE_DIR?)"],
        ),
        ({"ELASTICSEARCH_URL": "not a url"}, ["ELASTICSEARCH_URL"]),
        ({"SYNC_PIPELINE_SECRET_KEYS": "k1:short"}, ["SYNC_PIPELINE_SECRET_KEYS, entry 1"]),
    ],
)
def test_malformed_settings_are_listed_all_at_once(commands: Commands, variables: dict[str, Any], reasons: list[str]):
    line = commands("stores", "list", **variables).failed_in_one_line(2)
    assert all(reason in line for reason in reasons)
    assert "short" not in line


def test_a_dotenv_file_is_read_and_the_environment_wins(commands: Commands):
    (commands.folder / ".env").write_text("LOG_LEVEL=loud\n")
    assert "LOG_LEVEL" in commands("stores", "list").failed_in_one_line(2)
    assert commands("stores", "list", LOG_LEVEL="info").status == 0


@pytest.mark.invariant("7.7")
def test_absent_services_end_with_status_3(commands: Commands, store: str, unused_port: int):
    away = f"127.0.0.1:{unused_port}"
    postgres = commands("stores", "list", DATABASE_URL=f"postgresql://u:pw-of-mine@{away}/x").failed_in_one_line(3)
    assert f"PostgreSQL at {away}/x cannot be reached" in postgres
    assert "pw-of-mine" not in postgres
    search = commands("search", "--store", store, "tent", ELASTICSEARCH_URL=f"http://{away}").failed_in_one_line(3)
    assert f"Elasticsearch at {away}" in search


def test_a_batch_without_a_search_cluster_ends_failed_and_says_so(commands: Commands, store: str, unused_port: int):
    answer = commands("sync", "run", "--store", store, ELASTICSEARCH_URL=f"http://127.0.0.1:{unused_port}")
    assert f"Elasticsearch at 127.0.0.1:{unused_port}" in answer.failed_in_one_line(3)
    [batch] = commands("batches", "list", "--json").json()
    assert (batch["status"], batch["error"]["exit_status"]) == ("failed", 3)


def test_an_external_database_is_not_changed_without_being_asked(commands: Commands, empty_database_url: str):
    url = empty_database_url.replace("postgresql+psycopg", "postgresql")
    line = commands("stores", "list", DATABASE_URL=url).failed_in_one_line(3)
    assert "run `sync-pipeline db upgrade`" in line
    assert commands("db", "upgrade", DATABASE_URL=url).status == 0
    assert commands("stores", "list", DATABASE_URL=url).status == 0


@pytest.mark.parametrize(
    ("settings", "status", "reason"),
    [
        ({"token": "another"}, 1, "token"),
        ({"scopes": ["store_v2_products_read_only"]}, 2, "store_v2_content_read_only"),
        ({"status": "suspended"}, 3, "suspend"),
    ],
)
def test_a_store_that_cannot_be_read_is_not_saved(
    commands: Commands, sandbox: SandboxServer, settings: dict, status: int, reason: str
):
    sandbox.admin.open_demo("badstore", token="right")
    sandbox.admin.configure("badstore", **settings)
    answer = commands("stores", "add", "badstore", "--token-stdin", stdin="right\n")
    sandbox.admin.close_store("badstore")
    assert reason in answer.failed_in_one_line(status)
    assert commands("stores", "list", "--json").json() == []


@pytest.mark.invariant("4.5", "6.6")
@pytest.mark.parametrize(
    ("settings", "kind", "status"),
    [
        ({"token": "another"}, "unauthorized", 1),
        ({"scopes": []}, "missing_scope", 1),
        ({"status": "suspended"}, "store_unavailable", 3),
    ],
)
def test_a_store_that_stops_answering_fails_its_batch_and_keeps_what_it_serves(
    commands: Commands, store: str, sandbox: SandboxServer, settings: dict, kind: str, status: int
):
    commands("sync", "run", "--store", store, "--type", "product")
    sandbox.admin.configure(store, **settings)
    answer = commands("sync", "run", "--store", store, "--type", "product")
    assert f"store {store}" in answer.failed_in_one_line(status)
    newest, _ = commands("batches", "list", "--json").json()
    assert (newest["status"], newest["error"]["kind"]) == ("failed", kind)
    assert commands("search", "--store", store, "--json", "sofa").json()


def test_a_token_comes_from_stdin_or_a_terminal_and_nowhere_else(commands: Commands):
    assert "no terminal to ask" in commands("stores", "add", "abc").failed_in_one_line(2)
    assert "is empty" in commands("stores", "add", "abc", "--token-stdin", stdin="\n").failed_in_one_line(2)
    long = commands("stores", "add", "abc", "--token-stdin", stdin="x" * 600 + "\n")
    assert "longer than" in long.failed_in_one_line(2)


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_state_directory_that_cannot_be_used_is_one_line(commands: Commands, place: str):
    (commands.folder / "file").write_text("")
    folder = str(commands.folder / place)
    reason = f"the state directory {folder} cannot be used: Not a directory; set SYNC_PIPELINE_STATE_DIR"
    for words in (["stores", "list"], ["down"]):
        assert reason in commands(*words, SYNC_PIPELINE_STATE_DIR=folder).failed_in_one_line(2)
    health = commands("health", "--json", SYNC_PIPELINE_STATE_DIR=folder)
    [line] = health.json()
    assert (health.status, line["what"], line["level"]) == (2, "state directory", "failure")
    assert reason in line["detail"]


def test_full_disk_of_the_state_directory_is_told(commands: Commands, monkeypatch: pytest.MonkeyPatch):
    (commands.folder / "state").mkdir()
    given = Settings.model_validate({"sync_pipeline_state_dir": commands.folder / "state"})
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=3_000_000))
    with pytest.raises(UsageError, match="cannot be used: 3 MB are free on its disk"):
        _state_directory(Environment(given, "health"))


@pytest.mark.parametrize(
    "words", [["search", "--store", "\udcff", "x"], ["batches", "list", "--store", "\udcff"], ["search", "x\udcff"]]
)
def test_arguments_that_are_no_text_are_refused(commands: Commands, words: list[str]):
    assert "\\udcff is not in UTF-8" in commands(*words).failed_in_one_line(2)
