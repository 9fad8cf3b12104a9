"""What Dagster loads: names and shapes that people and sensors hold on to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from sync_pipeline.definitions import build_defs
from sync_pipeline.orchestration.tags import MAX_RUNTIME_TAG
from sync_pipeline.pipelines.store_search.types import BatchType, Part
from sync_pipeline_tests.described import check_described

SHOP = "store_search/bigcommerce"
CHAIN = {
    **{f"{SHOP}/{name}": set() for name in ("products", "brands", "categories", "pages", "blog_posts")},
    "store_search/stop_words": set(),
    "store_search/synonyms": set(),
    "store_search/search_index": {"store_search/stop_words", "store_search/synonyms"},
    "store_search/products": {
        "store_search/search_index",
        *(f"{SHOP}/{name}" for name in ("products", "brands", "categories")),
    },
    "store_search/categories": {"store_search/search_index", f"{SHOP}/categories", f"{SHOP}/pages"},
    "store_search/blog_posts": {"store_search/search_index", f"{SHOP}/blog_posts"},
}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_defs()


def test_the_assets_are_the_chain(definitions: dg.Definitions):
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    assert {name: {dep.asset_key.to_user_string() for dep in spec.deps} for name, spec in specs.items()} == CHAIN
    assert {spec.group_name for spec in specs.values()} == {"store_search", "bigcommerce"}
    assert {spec.partitions_def for spec in specs.values()} == {
        dg.DynamicPartitionsDefinition(name="store_search_stores")
    }


@pytest.mark.parametrize("batch_type", list(BatchType))
def test_every_batch_type_has_a_job_of_its_parts(definitions: dg.Definitions, batch_type: BatchType):
    job = definitions.resolve_job_def(batch_type.job)
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == {
        f"store_search/{part}" for part in batch_type.parts
    }
    assert job.description
    assert job.executor_def is dg.in_process_executor


def test_the_sensors_are_on_by_themselves(definitions: dg.Definitions):
    sensors = {sensor.name: sensor.default_status for sensor in definitions.sensors or []}
    assert sensors == dict.fromkeys(["pending_batches", "waiting_events"], dg.DefaultSensorStatus.RUNNING)


def test_runs_of_jobs_without_a_batch_are_bounded(definitions: dg.Definitions):
    """Nothing but Dagster's run monitoring can tell that nobody executes them any more."""
    tags = {job.name: job.tags or {} for job in definitions.jobs or []}  # pyright: ignore[reportAttributeAccessIssue]
    unbounded = {name for name, found in tags.items() if MAX_RUNTIME_TAG not in found}
    assert unbounded == {name for name, found in tags.items() if "sync_pipeline/type" in found}


def test_the_schedules_are_on_by_themselves(definitions: dg.Definitions):
    schedules = {schedule.name: schedule for schedule in definitions.schedules or []}
    assert {name: schedule.job_name for name, schedule in schedules.items()} == {  # pyright: ignore
        "due_batches": "due_batches_now",
        "daily_maintenance": "maintenance",
        "daily_hook_check": "hook_check",
        "hourly_freshness": "freshness_of_scopes",
    }
    assert {schedule.default_status for schedule in schedules.values()} == {dg.DefaultScheduleStatus.RUNNING}  # pyright: ignore


def test_every_import_has_its_checks(definitions: dg.Definitions):
    graph = definitions.resolve_asset_graph()
    checks = {(key.asset_key.to_user_string(), key.name) for key in graph.asset_check_keys}
    assert checks == {
        (asset, check)
        for asset in ("store_search/products", "store_search/categories", "store_search/blog_posts")
        for check in ("books_balance", "index_count", "aliases", "in_step")
    } | {(f"store_search/{part}", "fresh") for part in Part}


def test_everything_that_people_see_is_described(definitions: dg.Definitions):
    check_described(definitions)


def test_loading_in_a_fresh_interpreter_imports_no_vendors_client(project: Path):
    code = (
        "import sys, sync_pipeline.definitions as d; d.build_defs();"
        "print([n for n in ('elasticsearch', 'weaviate', 'chromadb', 'algoliasearch', 'pyairtable', 'gspread')"
        " if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"


def test_definitions_load_without_any_variable(tmp_path: Path, project: Path):
    code = "from sync_pipeline.definitions import defs; print(len(defs().assets))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={"PYTHONPATH": str(project)},
    )
    assert int(done.stdout) > 0
    assert list(tmp_path.iterdir()) == []
