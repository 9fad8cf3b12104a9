"""Asset checks as the UI starts them: of one store, of none, alone; and the state in which assets are shown."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import dagster as dg
from sqlalchemy import update

from sync_pipeline.batches.models import SyncBatch, SyncSchedule
from sync_pipeline.batches.parts import Run, batch_part
from sync_pipeline.batches.requests import VERIFY, Ask
from sync_pipeline.batches.schedules import add_schedule
from sync_pipeline.delivery.verify import Verification
from sync_pipeline.orchestration.tags import PARTITION_TAG
from sync_pipeline.pipelines.store_search.pipeline import PIPELINE
from sync_pipeline.pipelines.store_search.requests import recurring_request
from sync_pipeline.pipelines.store_search.types import BatchType, Part
from sync_pipeline_tests.dagster_internals import (
    AssetCheckExecutionRecord,
    CachingStaleStatusResolver,
    LoadingContextForTest,
    StaleStatus,
)
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.waiting import wait_for

PRODUCTS = dg.AssetKey(["store_search", "products"])
CHECKS = ("books_balance", "index_count", "aliases", "in_step", "fresh")


def execute(shop: Shop, *names: str, partition: str | None) -> dg.ExecuteInProcessResult:
    """Does what *Execute* of checks of the products does."""
    job = shop.definitions.resolve_implicit_global_asset_job_def()
    alone = job.get_subset(
        asset_selection=set(), asset_check_selection={dg.AssetCheckKey(PRODUCTS, name) for name in names}
    )
    tags = {} if partition is None else {PARTITION_TAG: partition}
    return alone.execute_in_process(instance=shop.instance, tags=tags, raise_on_error=False)


def shown(shop: Shop, name: str) -> dict[str | None, str]:
    """The newest status of a check of the products, by partition."""
    infos = shop.instance.event_log_storage.get_asset_check_partition_info([dg.AssetCheckKey(PRODUCTS, name)])
    return {info.partition_key: info.latest_execution_status.value for info in infos}


def latest(shop: Shop, name: str) -> tuple[str, str | None] | None:
    """What the UI shows of a check of the products (`executionForLatestMaterialization`): status and partition."""
    loading = LoadingContextForTest(shop.instance)

    async def resolve() -> tuple[str, str | None] | None:
        record = await AssetCheckExecutionRecord.gen(loading, dg.AssetCheckKey(PRODUCTS, name))
        if record is None or not await record.targets_latest_materialization(loading):
            return None
        return (await record.resolve_status(loading)).value, record.partition

    return asyncio.run(resolve())


def compared(shop: Shop, *, in_step: bool) -> int:
    """A verify batch of the products with that result; its number."""
    found = Verification() if in_step else Verification(missing=1, sample=[{"key": "product-101"}])
    batch = shop.pipeline.ledger.request(PIPELINE.verify_request(Ask(shop.hash, VERIFY, options={"type": "product"})))
    with batch_part(shop.pipeline.ledger, Run(f"verify {batch.id}", (VERIFY,), batch.id)) as part:
        part.record(VERIFY, {"in_step": in_step, "parts": {"products": found.as_dict()}})
    return batch.id


def materialize(shop: Shop) -> list[dg.AssetCheckEvaluation]:
    """Does what *Materialize* of the products does, which plans all of their checks; what was evaluated."""
    job = shop.definitions.resolve_implicit_global_asset_job_def()
    chosen = job.get_subset(
        asset_selection={PRODUCTS}, asset_check_selection={dg.AssetCheckKey(PRODUCTS, name) for name in CHECKS}
    )
    done = chosen.execute_in_process(instance=shop.instance, partition_key=shop.hash)
    return list(done.get_asset_check_evaluations())


def test_materializing_shows_the_newest_comparison_again_and_freshness(shop: Shop):
    assert shop.run()[0].status == "completed"
    assert {latest(shop, name) for name in ("books_balance", "fresh")} == {("SUCCEEDED", shop.hash)}
    never_compared = {one.check_name for one in materialize(shop)}
    assert never_compared == {*CHECKS} - {"in_step"}
    number = compared(shop, in_step=False)
    [compared_before] = [one for one in materialize(shop) if one.check_name == "in_step"]
    assert not compared_before.passed
    assert (compared_before.description or "").endswith(f" UTC by batch {number}, before the newest import")
    assert compared_before.metadata["sample"] == dg.MetadataValue.json([{"key": "product-101"}])
    assert latest(shop, "in_step") == ("FAILED", shop.hash)
    assert latest(shop, "fresh") == ("SUCCEEDED", shop.hash)


def test_execute_all_sums_up_the_stores_and_hides_none(new_shop: Any):
    good, bad, unknown = (new_shop() for _ in range(3))
    for shop in (good, bad):
        assert shop.run()[0].status == "completed"
        compared(shop, in_step=shop is good)
    bad.refresh()
    bad.delete_document("products", "product-101")
    assert execute(bad, "index_count", partition=bad.hash).success
    before = [batch.id for batch in good.pipeline.ledger.list()]
    # SQLite dates checks to the second, cut off: one of the same second would be older than what it looks at.
    second = int(time.time())
    wait_for(lambda: time.time() >= second + 1, what="the next second")
    evaluated = {one.check_name: one for one in execute(good, *CHECKS, partition=None).get_asset_check_evaluations()}
    assert {name: one.passed for name, one in evaluated.items()} == {
        "books_balance": True,
        "index_count": False,
        "aliases": True,
        "in_step": False,
        "fresh": True,
    }
    said = {name: value.value for name, value in evaluated["in_step"].metadata.items()}
    which = said.pop("which")
    assert said == {"stores": "3", "not_passed": "1", "without_result": "1"}
    assert str(which).startswith(f"{bad.hash} (Shop): compared ")
    assert unknown.hash not in str(which)
    assert evaluated["in_step"].description == "over all stores: 1 of 2 passed"
    for name in {*CHECKS} - {"in_step"}:
        by_partition = shown(good, name)
        assert latest(good, name) == (by_partition.pop(None), None)
        assert by_partition == {good.hash: "SUCCEEDED", bad.hash: "FAILED" if name == "index_count" else "SUCCEEDED"}
    assert [batch.id for batch in good.pipeline.ledger.list()] == before


def test_checks_of_one_store_do_not_hide_anothers(new_shop: Any):
    good, bad = new_shop(), new_shop()
    for shop in (good, bad):
        shop.instance.add_dynamic_partitions("store_search_stores", [shop.hash])
        shop.run_plain()
        shop.refresh()
    bad.delete_document("products", "product-101")
    for shop in (bad, good):
        done = execute(shop, *CHECKS, partition=shop.hash)
        assert done.success
        assert len(done.get_asset_check_evaluations()) == len(CHECKS)
        # Dagster would plot numbers of all stores as one line.
        assert {type(value) for one in done.get_asset_check_evaluations() for value in one.metadata.values()} <= {
            dg.TextMetadataValue,
            dg.JsonMetadataValue,
            dg.TimestampMetadataValue,
        }
    assert len(execute(good, "in_step", partition=good.hash).get_asset_check_evaluations()) == 1
    for name, status in {"index_count": "FAILED", "in_step": "FAILED", "books_balance": "SUCCEEDED"}.items():
        assert shown(good, name) == {good.hash: "SUCCEEDED", bad.hash: status}


def test_checks_without_any_result_say_so_and_turn_nothing_red(indexed: Shop):
    done = execute(indexed, *CHECKS, partition=None)
    assert done.success
    assert [one.check_name for one in done.get_asset_check_evaluations()] == ["fresh"]
    said = [event.user_message for event in indexed.instance.all_logs(done.run_id)]
    assert "in_step of store_search/products was not evaluated: no scope has a result" in said
    assert [batch.type for batch in indexed.pipeline.ledger.list()] == ["all"]


def report(shop: Shop) -> dict[str, Any]:
    """Runs the hourly job; its figures."""
    done = shop.definitions.resolve_job_def("freshness_of_scopes").execute_in_process(instance=shop.instance)
    [output] = [event for event in done.all_events if event.event_type_value == "STEP_OUTPUT"]
    return {name: value.value for name, value in output.step_output_data.metadata.items()}


def test_freshness_of_every_store_is_reported_when_it_changes(indexed: Shop):
    ledger = indexed.pipeline.ledger
    assert report(indexed)["reported"] == len(Part)
    assert shown(indexed, "fresh") == {indexed.hash: "SUCCEEDED"}
    assert report(indexed) == {"reported": 0, "late": []}
    add_schedule(ledger, recurring_request(indexed.hash, BatchType.PRODUCT), cron="0 * * * *")
    ago = timedelta(hours=5)
    with ledger.session() as session:
        session.execute(update(SyncSchedule).values(updated_at=SyncSchedule.updated_at - ago))
        session.execute(update(SyncBatch).values(finished_at=SyncBatch.finished_at - ago))
    found = report(indexed)
    assert found["reported"] == 2
    assert [line.partition(":")[0] for line in found["late"]] == [indexed.hash] * 2
    assert shown(indexed, "fresh") == {indexed.hash: "FAILED"}
    assert indexed.run(BatchType.PRODUCT)[0].status == "completed"
    assert shown(indexed, "fresh") == {indexed.hash: "SUCCEEDED"}
    assert report(indexed) == {"reported": 0, "late": []}
    assert shown(indexed, "fresh") == {indexed.hash: "SUCCEEDED"}


def unsynced(shop: Shop) -> list[str]:
    """The shop's assets that the UI shows as unsynced."""
    graph = shop.definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(shop.instance, graph, LoadingContextForTest(shop.instance))
    statuses = {part: resolver.get_status(dg.AssetKey(["store_search", part.value]), shop.hash) for part in Part}
    assert StaleStatus.MISSING not in statuses.values()
    return [part for part, status in statuses.items() if status is StaleStatus.STALE]


def test_no_asset_is_unsynced_after_work_that_brought_it_up_to_date(shop: Shop):
    assert shop.run()[0].status == "completed"
    assert unsynced(shop) == []
    for batch_type, mode in (
        (BatchType.STOP_WORDS, "full"),
        (BatchType.SYNONYMS, "full"),
        (BatchType.CATEGORY, "full"),
        (BatchType.ALL, "incremental"),
    ):
        shop.pipeline.stores.add_stop_words(shop.hash, [f"before{batch_type.name.lower()}"])
        assert shop.run(batch_type, mode=mode)[0].status == "completed"
        assert unsynced(shop) == [], batch_type
