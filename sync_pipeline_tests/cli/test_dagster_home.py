"""Commands in a Dagster deployment that is already there: the instance is what DAGSTER_HOME configures."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest

from sync_pipeline.cli.environment import Environment
from sync_pipeline.local.engines import Engines
from sync_pipeline.local.services import Ready, Service
from sync_pipeline.settings import Settings
from sync_pipeline_tests.commands import Commands


@pytest.fixture
def deployment(commands: Commands, tmp_path: Path) -> Commands:
    """The command line beside an instance on SQLite; nothing names a storage of ours."""
    home = tmp_path / "deployment"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    given = {name: value for name, value in commands.variables.items() if name != "DAGSTER_DATABASE_URL"}
    return Commands(commands.folder, {**given, "DAGSTER_HOME": str(home)}, forked=commands.forked)


def instance_of(deployment: Commands) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(deployment.variables["DAGSTER_HOME"])


def test_batches_are_recorded_in_the_instance_that_is_there(deployment: Commands, store: str):
    run = deployment("sync", "run", "--store", store, "--type", "synonyms")
    assert (run.status, run.error) == (0, "")
    with instance_of(deployment) as instance:
        [recorded] = instance.get_runs()
        assert recorded.tags["dagster/partition"] == store
        assert recorded.status is dg.DagsterRunStatus.SUCCESS
        assert instance.get_dynamic_partitions("store_search_stores") == [store]

    pending = deployment("sync", "run", "--store", store, "--enqueue", "--json")
    assert "no Dagster daemon lives" in pending.error
    assert deployment("batches", "cancel", str(pending.json()["id"])).status == 0
    findings = {one["what"]: one for one in deployment("health", "--json").json()}
    assert findings["Dagster storage"]["ok"]
    assert deployment.variables["DAGSTER_HOME"] in findings["Dagster storage"]["detail"]
    exported = deployment("env", "--json").json()
    assert exported["DAGSTER_HOME"] == deployment.variables["DAGSTER_HOME"]
    assert "DAGSTER_DATABASE_URL" not in exported
    # Nothing of ours was started in its place.
    assert not (deployment.folder / "state" / "postgres").exists()


@pytest.mark.parametrize(
    ("configured", "said"),
    [
        (None, "cannot be used"),
        ("storage: [\n", "cannot be used"),
        ("storage: {custom: {module: no_such_library, class: Storage}}\n", "no_such_library"),
        ("storage: {postgres: {postgres_url: {env: NOT_SET}}}\n", "NOT_SET"),
    ],
    ids=["absent", "malformed", "library", "variable"],
)
def test_instance_that_cannot_be_used_is_told_in_one_line(
    deployment: Commands, store: str, configured: str | None, said: str
):
    home = Path(deployment.variables["DAGSTER_HOME"])
    if configured is None:
        shutil.rmtree(home)
    else:
        (home / "dagster.yaml").write_text(configured)
    answer = deployment("sync", "run", "--store", store, "--type", "synonyms")
    assert said in answer.failed_in_one_line(answer.status)
    assert answer.status in {1, 2, 3}
    assert deployment("health").error == ""


def test_dev_and_the_commands_beside_it_keep_to_their_own_instance(tmp_path: Path):
    state, theirs = tmp_path / "state", tmp_path / "theirs"
    own = state / "dagster"
    given = Settings.model_validate({"sync_pipeline_state_dir": state, "dagster_home": theirs})

    def home(*, of_dev: bool = False) -> Path:
        return Environment(given, "test", own_instance=of_dev).dagster_home

    assert home() == theirs
    assert home(of_dev=True) == own
    assert "FolderStorage" in (own / "dagster.yaml").read_text()
    with Engines.open(given.state_dir, owner="test", idle=0) as engines:
        engines.run(Service(name="daemon", argv=("sleep", "60"), ready=Ready(kind="alive")))
        assert home() == own
        engines.stop()
    assert home() == theirs
