"""A pipeline made by following docs/adding-a-pipeline.md has, from the core alone, what every pipeline has.

Its destination keeps no versions. Commands run as processes, Dagster's sensors and jobs in this one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.requests import Ask, BatchRequest
from sync_pipeline.batches.rows import ForeignScopeError
from sync_pipeline.batches.schedules import add_schedule
from sync_pipeline.batches.secrets import new_key_entry, parse_keys
from sync_pipeline.core import Core
from sync_pipeline.definitions import build_assembly
from sync_pipeline.orchestration.tags import run_key
from sync_pipeline.pipeline import Pipeline
from sync_pipeline.pipelines import registry
from sync_pipeline.settings import Settings
from sync_pipeline_tests.clocks import ManualClock
from sync_pipeline_tests.commands import Answer, Commands
from sync_pipeline_tests.described import check_described
from sync_pipeline_tests.toy.made import register_toy, write_toy

NOTES = [{"id": 1, "text": "one"}, {"id": 2, "text": "two"}, {"id": 3, "text": "three", "hidden": True}, {"id": 4}]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the page's blocks were written."""
    return write_toy(tmp_path_factory.mktemp("pipelines"))


@pytest.fixture(scope="module")
def toy(written: Path) -> Iterator[Pipeline]:
    before = registry.PIPELINES
    yield register_toy(written)
    registry.PIPELINES = before


@dataclass
class Shelf:
    """One scope of the toy: its files, the command line, and Dagster in this process."""

    folder: Path
    commands: Commands
    toy: Pipeline
    ledger: Ledger
    instance: dg.DagsterInstance

    def say(self, *words: str) -> Answer:
        """Runs `sync-pipeline` with the toy in its registry."""
        return self.commands(*words)

    def answer(self, *words: str, status: int = 0) -> Any:
        said = self.say(*words, "--json")
        assert said.status == status, said
        return said.json()

    @property
    def notes(self) -> Path:
        return self.folder / "a.notes.json"

    def copies(self) -> dict[str, Any]:
        file = self.folder / "a.copies.json"
        return json.loads(file.read_text()) if file.exists() else {}

    def write(self, notes: list[dict[str, Any]]) -> None:
        self.notes.write_text(json.dumps(notes))

    @property
    def resources(self) -> dict[str, Any]:
        keyring = parse_keys(new_key_entry("test"))
        settings = Settings.model_validate({"sync_pipeline_state_dir": self.folder})
        runtime = self.toy.open(settings, self.ledger, keyring)
        return {"core": Core(settings, self.ledger, keyring, {self.toy.name: self.toy}), self.toy.name: runtime}

    def tick(self) -> list[dg.RunRequest]:
        """A tick of the sensor that starts batches, in which new partitions come to be."""
        definitions = build_assembly([self.toy], **self.resources).definitions
        context = dg.build_sensor_context(instance=self.instance, resources={"core": self.resources["core"]})
        asked = definitions.get_sensor_def("pending_batches")(context)
        if not isinstance(asked, dg.SensorResult):
            return []
        for added in asked.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(added.partitions_def_name, list(added.partition_keys))
        return list(asked.run_requests or [])

    def run(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Runs what the sensor asked for."""
        definitions = build_assembly([self.toy], **self.resources).definitions
        return definitions.resolve_job_def(request.job_name or "").execute_in_process(
            instance=self.instance, partition_key=request.partition_key, tags=dict(request.tags), raise_on_error=False
        )


@pytest.fixture
def shelf(
    toy: Pipeline,
    written: Path,
    clean_database: Engine,
    dagster_database_url: str,
    elasticsearch_url: str,
    tmp_path: Path,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shelf]:
    folder = tmp_path / "toy"
    folder.mkdir()
    monkeypatch.setenv("TOY_FOLDER", str(folder))
    commands = Commands(
        tmp_path,
        {
            "DATABASE_URL": clean_database.url.set(drivername="postgresql").render_as_string(hide_password=False),
            "DAGSTER_DATABASE_URL": dagster_database_url.replace("postgresql+psycopg", "postgresql"),
            "ELASTICSEARCH_URL": elasticsearch_url,
            "TOY_FOLDER": str(folder),
        },
        forked=True,
        toy=written,
    )
    with dg.DagsterInstance.ephemeral() as instance:
        made = Shelf(folder, commands, toy, ledger, instance)
        made.write(NOTES)
        yield made


def test_command_line_runs_previews_verifies_repairs_and_replays(shelf: Shelf):
    target = ("--pipeline", "toy", "--scope", "a")
    [preview] = shelf.answer("sync", "run", *target, "--dry-run")
    assert (preview["create"], preview["filtered"], preview["dead_lettered"], shelf.copies()) == (2, 1, 1, {})

    batch = shelf.answer("sync", "run", *target)
    books = batch["counts"]["notes"]
    assert (batch["status"], batch["scope"], batch["store_hash"]) == ("completed", "toy:a", None)
    assert (books["read"], books["written"], books["filtered"], books["dead_lettered"]) == (4, 2, 1, 1)
    assert shelf.copies() == {"1": {"text": "one"}, "2": {"text": "two"}}
    assert [one["scope"] for one in shelf.answer("batches", "list", *target)] == ["toy:a"]

    found = shelf.answer("verify", *target)
    assert found["counts"]["verify"]["in_step"]
    copies = {"1": {"text": "edited by hand"}, "9": {"text": "added by hand"}}
    (shelf.folder / "a.copies.json").write_text(json.dumps(copies))
    found = shelf.answer("verify", *target, status=1)["counts"]["verify"]
    assert (found["missing"], found["extra"], found["differing"], found["in_step"]) == (1, 1, 1, False)
    assert shelf.copies() == copies
    assert shelf.answer("verify", *target, "--repair")["counts"]["verify"]["in_step"]
    assert shelf.copies() == {"1": {"text": "one"}, "2": {"text": "two"}}

    [letter] = shelf.answer("dead-letters", "list", *target)
    assert (letter["pipeline"], letter["key"], letter["reason"]) == ("toy", "4", "malformed")
    shelf.write([*NOTES[:3], {"id": 4, "text": "four"}])
    assert shelf.answer("dead-letters", "replay", str(letter["id"]))["state"] == "replayed"
    assert shelf.copies()["4"] == {"text": "four"}


ODD = {
    "NUL in the key": {"id": "a\0b", "text": "t"},
    "NUL in the key of a hidden one": {"id": "h\0", "text": "t", "hidden": True},
    "NUL in the key of a malformed one": {"id": "m\0"},
    "half a character in the key": {"id": "\ud800", "text": "t"},
    "half a character in the text": {"id": "half", "text": "\udfff"},
    "a key that is too long": {"id": "k" * 9000, "text": "t"},
    "another one": {"id": "k" * 9001, "text": "t", "hidden": True},
    "no key": {"id": "", "text": "t"},
}


@pytest.mark.invariant("6.5")
def test_records_with_keys_and_texts_that_nothing_can_store_stop_no_others(shelf: Shelf):
    good = [{"id": number, "text": "t"} for number in range(20)]
    shelf.write([*good[:10], *ODD.values(), *good[10:]])
    target = ("--pipeline", "toy", "--scope", "a")
    books = shelf.answer("sync", "run", *target)["counts"]["notes"]
    assert (books["read"], books["written"], books["dead_lettered"]) == (20 + len(ODD), 20, len(ODD))
    assert shelf.copies().keys() == {str(note["id"]) for note in good}
    letters = shelf.answer("dead-letters", "list", *target)
    assert len({letter["key"] for letter in letters}) == len(ODD)
    assert {letter["reason"] for letter in letters} == {"malformed_key", "malformed"}
    assert shelf.answer("verify", *target)["counts"]["verify"]["parts"]["notes"]["rejected"] == len(ODD)


def test_guard_stops_a_short_listing_until_it_is_confirmed(shelf: Shelf):
    shelf.write([{"id": number, "text": "t"} for number in range(100)])
    target = ("sync", "run", "--pipeline", "toy", "--scope", "a")
    assert shelf.say(*target).status == 0
    shelf.write([{"id": 1, "text": "t"}])
    refused = shelf.answer(*target, status=1)
    assert (refused["status"], refused["error"]["kind"], refused["error"]["retry"]) == (
        "failed",
        "delete_guard",
        "person",
    )
    assert len(shelf.copies()) == 100
    assert shelf.say(*target, "--confirm-deletes").status == 0
    assert len(shelf.copies()) == 1


def test_words_that_mean_nothing_are_refused_in_one_line(shelf: Shelf):
    target = ("sync", "run", "--pipeline", "toy", "--scope", "a")
    assert "type 'x' is unknown: it is one of all" in shelf.say(*target, "--type", "x").failed_in_one_line(2)
    assert "toy:none is unknown" in shelf.say(*target[:-1], "none").failed_in_one_line(2)
    assert "pipeline 'tox' is unknown" in shelf.say("batches", "list", "--pipeline", "tox").failed_in_one_line(2)
    assert "give it or those" in shelf.say(*target, "--store", "a").failed_in_one_line(2)
    with pytest.raises(ForeignScopeError, match="is no scope of store_search"):
        Ledger(shelf.ledger.engine, nouns={"toy": "toy", "store_search": "store"}).request(
            BatchRequest("store_search", "toy:a", "all")
        )


def test_sensor_starts_batches_of_its_scopes_and_the_ledger_retries_them(shelf: Shelf, clock: ManualClock):
    assert shelf.tick() == []
    assert shelf.instance.get_dynamic_partitions("toy_toys") == ["a"]
    batch = shelf.ledger.request(shelf.toy.ask(Ask("a", "all", max_attempts=2)))
    [request] = shelf.tick()
    assert (request.job_name, request.partition_key, request.tags["sync_pipeline/scope"]) == ("toy_all", "a", "toy:a")
    shelf.notes.rename(shelf.folder / "away")
    assert not shelf.run(request).success
    failed = shelf.ledger.get(batch.id)
    assert (failed.status, (failed.error or {})["retry"]) == ("failed", "later")
    (shelf.folder / "away").rename(shelf.notes)
    assert shelf.tick() == []
    clock.advance(30)
    [again] = shelf.tick()
    assert again.run_key == run_key(shelf.ledger.get(batch.id))
    assert shelf.run(again).success
    assert shelf.ledger.get(batch.id).status == "completed"
    assert set(shelf.copies()) == {"1", "2"}


def test_batch_of_a_type_that_is_gone_fails_and_stops_no_other(shelf: Shelf):
    gone = shelf.ledger.request(BatchRequest("toy", "toy:b", "gone"))
    batch = shelf.ledger.request(shelf.toy.ask(Ask("a", "all")))
    assert [request.tags["sync_pipeline/batch"] for request in shelf.tick()] == [str(batch.id)]
    failed = shelf.ledger.get(gone.id)
    assert (failed.status, (failed.error or {})["message"]) == (
        "failed",
        "toy has no job for batches of type 'gone'",
    )


def test_verify_batch_without_repair_holds_no_lane_and_its_check_tells(shelf: Shelf):
    shelf.tick()
    shelf.ledger.request(shelf.toy.ask(Ask("a", "all")))
    assert shelf.run(shelf.tick()[0]).success
    batch = shelf.ledger.request(shelf.toy.ask(Ask("a", "verify")))
    assert batch.lane is None
    [request] = shelf.tick()
    assert request.job_name == "toy_verify"
    assert shelf.run(request).success
    [check] = shelf.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey(["toy", "notes"]), "in_step"), limit=10
    )
    assert check.event is not None
    assert shelf.ledger.get(batch.id).counts["verify"]["in_step"]


def test_everything_that_people_see_of_it_is_described(shelf: Shelf):
    check_described(build_assembly([shelf.toy], **shelf.resources).definitions)


def test_enqueued_dry_run_only_tells_and_a_person_may_start_one(shelf: Shelf):
    said = shelf.answer("sync", "run", "--pipeline", "toy", "--scope", "a", "--dry-run", "--enqueue")
    assert (said["dry_run"], said["status"], said["max_attempts"]) == (True, "pending", 4)
    [request] = shelf.tick()
    assert request.tags["sync_pipeline/dry_run"] == "true"
    done = shelf.run(request)
    batch = shelf.ledger.get(said["id"])
    assert (done.success, batch.status, batch.lane, shelf.copies()) == (True, "completed", None, {})
    assert (batch.counts["dry_run"]["create"], batch.counts["dry_run"]["filtered"]) == (2, 1)
    assert done.get_asset_materialization_events() == []
    [row] = shelf.say("batches", "list").out.splitlines()[1:]
    assert "full, dry run" in row and "2 create" in row
    job = build_assembly([shelf.toy], **shelf.resources).definitions.resolve_job_def("toy_all")
    config = {"resources": {"batch": {"config": {"dry_run": True}}}}
    assert job.execute_in_process(instance=shelf.instance, partition_key="a", run_config=config).success
    assert ([one.dry_run for one in shelf.ledger.list()], shelf.copies()) == ([True, True], {})


def test_every_verify_batch_of_a_scope_shows_its_result_as_the_check(shelf: Shelf):
    shelf.tick()
    shelf.ledger.request(shelf.toy.ask(Ask("a", "all")))
    assert shelf.run(shelf.tick()[0]).success
    for copies in (shelf.copies(), {}, shelf.copies()):
        (shelf.folder / "a.copies.json").write_text(json.dumps(copies))
        shelf.ledger.request(shelf.toy.ask(Ask("a", "verify")))
        assert shelf.run(shelf.tick()[0]).success
    history = shelf.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey(["toy", "notes"]), "in_step"), limit=10
    )
    assert [one.status.value for one in history] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    assert len({one.run_id for one in history}) == 3


def test_pipeline_that_cannot_tell_its_scopes_stops_no_batch(shelf: Shelf):
    def broken(_: Ledger) -> list[str]:
        raise KeyError("somebody's mistake")

    shelf.ledger.request(shelf.toy.ask(Ask("a", "all")))
    shelf.toy = replace(shelf.toy, scopes=broken)
    assert [request.job_name for request in shelf.tick()] == ["toy_all"]


def test_processes_of_dev_get_the_variables_of_pipelines(shelf: Shelf):
    assert shelf.answer("env")["TOY_FOLDER"] == str(shelf.folder)


def test_assets_materialized_with_all_their_checks_are_one_batch_and_the_check_alone_another(shelf: Shelf):
    shelf.tick()
    job = build_assembly([shelf.toy], **shelf.resources).definitions.resolve_implicit_global_asset_job_def()
    options: dict[str, Any] = {"instance": shelf.instance, "partition_key": "a"}
    assert job.execute_in_process(**options).success
    assert [(one.type, one.status) for one in shelf.ledger.list()] == [("all", "completed")]
    check = dg.AssetCheckKey(dg.AssetKey(["toy", "notes"]), "in_step")
    alone = job.get_subset(asset_selection=set(), asset_check_selection={check})
    done = alone.execute_in_process(instance=shelf.instance, tags={"dagster/partition": "a"})
    assert [(one.passed, one.check_name) for one in done.get_asset_check_evaluations()] == [(True, "in_step")]
    assert [(one.type, one.trigger) for one in shelf.ledger.list()] == [("verify", "manual"), ("all", "manual")]


def test_schedule_makes_batches_of_every_type(shelf: Shelf, clock: ManualClock):
    for kind in ("all", "verify"):
        add_schedule(shelf.ledger, shelf.toy.ask(Ask("a", kind)), cron="0 2 * * *")
    clock.advance(timedelta(days=1).total_seconds())
    definitions = build_assembly([shelf.toy], **shelf.resources).definitions
    context = dg.build_schedule_context(instance=shelf.instance, resources={"core": shelf.resources["core"]})
    skipped = definitions.get_schedule_def("due_batches")(context)
    assert isinstance(skipped, dg.SkipReason)
    said = skipped.skip_message or ""
    assert said.startswith("2 batches were due; batch 1: all (full) of toy:a; batch 2: verify (full) of toy:a; ")
    assert "2 schedules are active, the next one: toy:a: all (full) at `0 2 * * *` UTC: next " in said
    made = shelf.ledger.list(pipeline="toy")
    assert {(one.type, one.trigger, one.is_scheduled) for one in made} == {
        ("all", "schedule", True),
        ("verify", "schedule", True),
    }


def test_health_tells_of_a_pipeline_that_cannot_be_opened(shelf: Shelf):
    del shelf.commands.variables["TOY_FOLDER"]
    said = shelf.say("health", "--json")
    assert said.status == 2
    [finding] = [one for one in said.json() if one["what"] == "toy"]
    assert not finding["ok"]
    assert "TOY_FOLDER is needed" in finding["detail"]
    assert said.error == ""


def test_cancel_health_and_maintenance_know_the_pipeline(shelf: Shelf):
    batch = shelf.ledger.request(shelf.toy.ask(Ask("a", "all")))
    assert shelf.answer("batches", "cancel", str(batch.id))["error"]["kind"] == "cancelled"
    findings = json.loads(shelf.say("health", "--json").out)
    assert {"what": "toy", "ok": True, "level": "ok", "detail": "1 files of notes"} in findings
    (shelf.folder / "b.old").touch()
    shelf.instance.add_dynamic_partitions("toy_toys", ["removed", "a"])
    definitions = build_assembly([shelf.toy], **shelf.resources).definitions
    assert definitions.resolve_job_def("maintenance").execute_in_process(instance=shelf.instance).success
    assert not (shelf.folder / "b.old").exists()
    assert shelf.instance.get_dynamic_partitions("toy_toys") == ["a"]
