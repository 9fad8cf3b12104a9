"""Who may run what: refused batches, runs by hand, and the sensor that starts what is pending."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest
from sqlalchemy import text, update

from sync_pipeline.batches.lanes import acquire
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.requests import SELECTION, VERIFY, Ask, BatchRequest, LaneName, Trigger
from sync_pipeline.batches.retries import retry_failed
from sync_pipeline.batches.rows import request_of
from sync_pipeline.orchestration.members import Member
from sync_pipeline.orchestration.tags import ATTEMPT_TAG, BATCH_TAG, PARENT_TAG, run_key, run_tags
from sync_pipeline.pipelines.store_search.pipeline import PIPELINE
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.types import BatchType, Part, type_of_parts
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.pipelines.store_search.conftest import Shop


def failure_of(result: dg.ExecuteInProcessResult) -> list[str]:
    """The first line of every step's failure, as the UI shows it."""
    failures = [event.event_specific_data for event in result.all_events if event.is_step_failure]
    return [failure.user_failure_data.description for failure in failures]  # pyright: ignore


def test_a_batch_that_does_not_exist_is_refused_in_one_line(shop: Shop):
    result = shop.run_job("sync_synonyms", tags={BATCH_TAG: "424242"})
    assert not result.success
    assert failure_of(result) == ["batch 424242 does not exist: `sync-pipeline batches list` shows those there are"]
    assert shop.pipeline.ledger.list() == []


@pytest.mark.parametrize("scope", ["store:A b", "store:../etc", "store:"])
def test_batch_of_a_malformed_scope_says_so_itself_and_is_not_tried_again(shop: Shop, scope: str):
    """Somebody wrote it into the ledger past the command line."""
    ledger = shop.pipeline.ledger
    batch = ledger.request(BatchRequest("store_search", scope, "synonyms", max_attempts=3))
    shop.instance.add_dynamic_partitions("store_search_stores", [scope.partition(":")[2] or "nameless"])
    shop.definitions.resolve_job_def("sync_synonyms").execute_in_process(
        instance=shop.instance,
        partition_key=scope.partition(":")[2] or "nameless",
        raise_on_error=False,
        tags=run_tags(batch),
    )
    after = ledger.get(batch.id)
    assert (after.status, (after.error or {})["retry"]) == ("failed", "never")
    assert (after.error or {})["kind"] != "lost"
    assert retry_failed(ledger) == []


def test_verify_of_a_type_without_documents_is_refused_and_not_in_step(shop: Shop):
    ledger = shop.pipeline.ledger
    batch = ledger.request(PIPELINE.ask(Ask(shop.hash, VERIFY, options={"type": "synonyms"})))
    shop.run_job("store_search_verify", tags=run_tags(batch))
    after = ledger.get(batch.id)
    assert (after.status, after.counts) == ("failed", {})
    assert (after.error or {})["message"] == "batches of type synonyms have nothing to compare"


@pytest.mark.parametrize("end", ["completed", "failed"])
def test_a_batch_that_is_over_is_refused_and_stays_as_it_was(shop: Shop, end: str):
    ledger = shop.pipeline.ledger
    batch = ledger.claim(shop.request(BatchType.SYNONYMS).id, run_id="before", planned=["synonyms"])
    batch = ledger.complete(batch) if end == "completed" else ledger.fail(batch, kind="x", message="y")
    after, result = shop.run_batch(batch)
    assert not result.success
    assert failure_of(result) == [f"batch {batch.id} is {end}, not pending: it is not run again"]
    assert (after.status, after.dagster_run_id) == (end, "before")


def reexecuted(shop: Shop, batch: SyncBatch) -> tuple[list[SyncBatch], dg.ExecuteInProcessResult]:
    """Does what *Re-execute* of the batch's run does: a run with the same tags that names its parent."""
    tags = {**run_tags(batch), PARENT_TAG: batch.dagster_run_id or ""}
    result = shop.run_job(BatchType(batch.type).job, tags=tags)
    return list(shop.pipeline.ledger.list()), result


def test_reexecution_of_a_failed_run_is_the_next_attempt_of_its_batch(shop: Shop):
    shop.sandbox.admin.inject(shop.hash, FaultKind.WRONG_TOKEN, path="*/v3/catalog/products", count=1)
    failed, _ = shop.run(BatchType.PRODUCT)
    assert failed.status == "failed"
    [batch], result = reexecuted(shop, failed)
    assert result.success
    assert (batch.id, batch.status, batch.attempt, batch.trigger) == (failed.id, "completed", 2, failed.trigger)
    assert batch.dagster_run_id == result.run_id
    run = shop.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags[ATTEMPT_TAG] == "2"
    assert [one.attempt for one in shop.pipeline.ledger.attempts(batch.id)] == [1, 2]


def test_reexecution_of_a_completed_run_is_a_batch_of_its_own_that_asks_for_the_same(shop: Shop):
    shop.run_plain()
    first, _ = shop.run(BatchType.PRODUCT, mode="selective", ids=["101"], trigger=Trigger.API)
    assert first.status == "completed"
    [again, *others], result = reexecuted(shop, first)
    assert result.success
    assert first.id in {one.id for one in others}
    assert (again.status, again.trigger, again.mode, again.ids) == ("completed", "manual", "selective", first.ids)
    assert (first.status, shop.pipeline.ledger.get(first.id).attempt) == ("completed", 1)


def test_reexecution_beside_a_batch_that_is_at_work_is_one_of_its_own(shop: Shop):
    ledger = shop.pipeline.ledger
    batch = ledger.claim(shop.request(BatchType.SYNONYMS).id, run_id="at work", planned=["synonyms"])
    [own, after], result = reexecuted(shop, batch)
    assert result.success
    assert (own.status, own.trigger, own.dagster_run_id) == ("completed", "manual", result.run_id)
    assert (after.status, after.dagster_run_id) == ("processing", "at work")


def test_products_materialized_by_hand_leave_a_manual_batch(shop: Shop):
    shop.instance.add_dynamic_partitions("store_search_stores", [shop.hash])
    result = shop.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=shop.instance, partition_key=shop.hash, asset_selection=[dg.AssetKey(["store_search", "products"])]
    )
    assert result.success
    [batch] = shop.pipeline.ledger.list()
    assert (batch.trigger, batch.type, batch.status) == ("manual", "product", "completed")
    assert (batch.dagster_run_id, batch.planned) == (result.run_id, ["products"])
    assert shop.search("rucksack")


def test_a_run_of_a_schedule_leaves_a_scheduled_batch(shop: Shop):
    shop.run_job("sync_synonyms", tags={"dagster/schedule_name": "nightly"})
    [batch] = shop.pipeline.ledger.list()
    assert (batch.trigger, batch.is_scheduled, batch.status) == ("schedule", True, "completed")


def test_a_store_that_is_unknown_fails_the_batch_in_one_line(shop: Shop):
    shop.pipeline.stores.remove(shop.hash)
    batch = shop.request(BatchType.SYNONYMS)
    after, result = shop.run_batch(batch)
    assert after.status == "failed"
    assert failure_of(result)[0].startswith(f"store {shop.hash} is unknown")


def test_partition_that_was_invented_in_the_ui_is_told_and_goes_again(shop: Shop):
    shop.instance.add_dynamic_partitions("store_search_stores", [shop.hash, "invented"])
    products = dg.AssetKey(["store_search", "products"])
    result = shop.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=shop.instance, partition_key="invented", asset_selection=[products], raise_on_error=False
    )
    [told] = failure_of(result)
    assert told.startswith("store invented is unknown: `sync-pipeline stores add invented`")
    [batch] = shop.pipeline.ledger.list()
    assert (batch.status, (batch.error or {})["kind"]) == ("failed", "unknown_store")
    assert shop.definitions.resolve_job_def("maintenance").execute_in_process(instance=shop.instance).success
    assert shop.instance.get_dynamic_partitions("store_search_stores") == [shop.hash]


@pytest.mark.parametrize("batch_type", list(BatchType))
def test_a_type_and_its_parts_agree(batch_type: BatchType):
    assert type_of_parts(frozenset(batch_type.parts)) is batch_type


def test_hand_picked_parts_of_several_types_are_of_none():
    assert type_of_parts(frozenset({Part.PRODUCTS, Part.BLOG_POSTS})) is None
    assert type_of_parts(frozenset({Part.SEARCH_INDEX})) is None


@pytest.mark.parametrize("parts", [["search_index"], ["categories", "synonyms"]], ids="+".join)
def test_assets_that_make_up_no_type_are_a_selection_that_is_repeated_as_it_was(shop: Shop, parts: list[str]):
    shop.instance.add_dynamic_partitions("store_search_stores", [shop.hash])
    job = shop.definitions.resolve_implicit_global_asset_job_def()
    assets = [dg.AssetKey(["store_search", part]) for part in parts]
    assert job.execute_in_process(
        instance=shop.instance, partition_key=shop.hash, asset_selection=assets, raise_on_error=False
    ).success
    [batch] = shop.pipeline.ledger.list()
    assert (batch.type, batch.options, batch.planned) == ("selection", {"parts": parts}, parts)
    assert (batch.status, sorted(batch.counts)) == ("completed", parts)

    shop.pipeline.ledger.request(request_of(batch))
    answer = tick(shop)
    assert isinstance(answer, dg.SensorResult)
    [request] = answer.run_requests or []
    assert (request.job_name, request.asset_selection) == ("sync_all", assets)


def test_selection_of_a_part_that_is_gone_fails_and_stops_no_other(shop: Shop):
    ledger = shop.pipeline.ledger
    gone = ledger.request(replace(store_request("gone", BatchType.ALL), type=SELECTION, options={"parts": ["gone"]}))
    batch = shop.request()
    answer = tick(shop)
    assert isinstance(answer, dg.SensorResult)
    assert [request.tags[BATCH_TAG] for request in answer.run_requests or []] == [str(batch.id)]
    assert (ledger.get(gone.id).error or {})["message"] == "store_search has no part 'gone'"


@pytest.mark.parametrize("options", ['{"parts": 7}', '{"parts": [7]}', '{"parts": []}', "{}", "[]", "null"])
def test_selection_of_no_list_of_parts_fails_and_stops_no_other(shop: Shop, options: str):
    ledger = shop.pipeline.ledger
    odd = ledger.request(replace(store_request("odd", BatchType.ALL), type=SELECTION))
    with ledger.session() as session:  # as somebody's SQL writes it
        session.execute(update(SyncBatch).where(SyncBatch.id == odd.id).values(options=text(f"'{options}'::jsonb")))
    batch = shop.request()
    answer = tick(shop)
    assert isinstance(answer, dg.SensorResult)
    assert [request.tags[BATCH_TAG] for request in answer.run_requests or []] == [str(batch.id)]
    assert (ledger.get(odd.id).error or {})[
        "message"
    ] == "a batch of type selection needs the option parts, a list of names"


def test_batch_whose_run_cannot_be_asked_for_stops_no_other(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    odd, batch = shop.pipeline.ledger.request(store_request("odd", BatchType.ALL)), shop.request()
    job_of = Member.job_of

    def refuse(member: Member, one: SyncBatch) -> str:
        return job_of(member, one) if one.id != odd.id else str({}["somebody's mistake"])

    monkeypatch.setattr(Member, "job_of", refuse)
    answer = tick(shop)
    assert isinstance(answer, dg.SensorResult)
    assert [request.tags[BATCH_TAG] for request in answer.run_requests or []] == [str(batch.id)]
    assert (shop.pipeline.ledger.get(odd.id).error or {})["kind"] == "internal"


def tick(shop: Shop) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(instance=shop.instance, resources={"core": shop.resources["core"]})
    answer = shop.definitions.get_sensor_def("pending_batches")(context)
    assert isinstance(answer, dg.SensorResult | dg.SkipReason)
    return answer


def test_the_sensor_asks_for_one_run_for_every_batch_that_may_start(shop: Shop):
    shop.instance.add_dynamic_partitions("store_search_stores", [shop.hash])
    assert isinstance(tick(shop), dg.SkipReason)
    batch = shop.request()
    shop.request(BatchType.PRODUCT)  # the same store: after the first
    shop.request(delay=timedelta(hours=1))
    answer = tick(shop)
    assert isinstance(answer, dg.SensorResult)
    [request] = answer.run_requests or []
    assert (request.run_key, request.job_name, request.partition_key) == (run_key(batch), "sync_all", shop.hash)
    assert {
        "sync_pipeline/batch": str(batch.id),
        "sync_pipeline/pipeline": "store_search",
        "sync_pipeline/scope": f"store:{shop.hash}",
        "sync_pipeline/store": shop.hash,
        "sync_pipeline/type": "all",
        "sync_pipeline/trigger": "manual",
        "sync_pipeline/lane": "bulk",
    }.items() <= request.tags.items()
    assert not answer.dynamic_partitions_requests


def test_the_sensor_makes_every_store_a_partition_before_it_has_a_batch(shop: Shop):
    answer = tick(shop)
    assert isinstance(answer, dg.SensorResult)
    [partitions] = answer.dynamic_partitions_requests or []
    assert partitions.partition_keys == [shop.hash]
    assert not answer.run_requests


def test_the_sensor_waits_for_the_lane_and_gives_a_retry_a_key_of_its_own(shop: Shop):
    ledger = shop.pipeline.ledger
    shop.instance.add_dynamic_partitions("store_search_stores", [shop.hash])
    batch = shop.request()
    lane = acquire(ledger, batch.scope, LaneName.BULK, "another")
    assert isinstance(tick(shop), dg.SkipReason)
    lane.release()
    ledger.fail(ledger.claim(batch.id, run_id="r", planned=[]), kind="x", message="y")
    assert isinstance(tick(shop), dg.SkipReason)
    ledger.retry(batch.id)
    answer = tick(shop)
    assert isinstance(answer, dg.SensorResult)
    assert [request.run_key for request in answer.run_requests or []] == [run_key(shop.pipeline.ledger.get(batch.id))]
