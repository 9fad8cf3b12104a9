"""Asset checks as the UI starts them: of one store, of none, alone; and the state in which assets are shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg
from sqlalchemy import update

from sync_pipeline.batches.models import SyncBatch, SyncSchedule
from sync_pipeline.batches.schedules import add_schedule
from sync_pipeline.orchestration.checks import NO_PARTITION
from sync_pipeline.orchestration.tags import PARTITION_TAG
from sync_pipeline.pipelines.store_search.requests import recurring_request
from sync_pipeline.pipelines.store_search.types import BatchType, Part
from sync_pipeline_tests.dagster_internals import CachingStaleStatusResolver, LoadingContextForTest, StaleStatus
from sync_pipeline_tests.pipelines.store_search.conftest import Shop

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


def test_checks_without_a_partition_say_what_to_do_and_turn_nothing_red(indexed: Shop):
    done = execute(indexed, *CHECKS, partition=None)
    assert done.success
    assert done.get_asset_check_evaluations() == []
    said = [event.user_message for event in indexed.instance.all_logs(done.run_id)]
    assert said.count(NO_PARTITION.format(pipeline="store_search")) == 3
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
    assert report(indexed) == {"reported": 2, "late": []}
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
