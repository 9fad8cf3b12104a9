"""What a person says in the launchpad: mode, ids, dry run, confirmed deletes; and the tags that the run gets."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from sync_pipeline.batches.requests import Ask
from sync_pipeline.orchestration.config import BatchConfig
from sync_pipeline.orchestration.tags import run_tags
from sync_pipeline.pipelines.store_search.pipeline import PIPELINE
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.defs.test_batch_rules import failure_of


def launch(shop: Shop, job: str, **config: Any) -> dg.ExecuteInProcessResult:
    """Launches a job from the launchpad."""
    return shop.run_job(job, run_config={"resources": {"batch": {"config": config}}})


def test_mode_and_ids_of_the_launchpad_are_the_batchs(indexed: Shop):
    indexed.sandbox.admin.update(indexed.hash, "products", 101, {"name": "From the launchpad"})
    assert launch(indexed, "sync_product", mode="selective", ids=["101"], confirm_deletes=True).success
    batch = indexed.pipeline.ledger.list()[0]
    assert (batch.trigger, batch.type, batch.mode, batch.ids) == ("manual", "product", "selective", ["product-101"])
    assert batch.confirm_deletes
    assert (batch.status, batch.counts["products"]["read"]) == ("completed", 1)
    indexed.refresh()
    assert indexed.documents()["product-101"]["name"] == "From the launchpad"


def test_run_of_a_person_gets_the_tags_of_its_batch(indexed: Shop):
    result = launch(indexed, "sync_synonyms")
    [batch, _] = indexed.pipeline.ledger.list()
    run = indexed.instance.get_run_by_id(result.run_id)
    assert run is not None
    tags = run_tags(batch, "Shop")
    assert tags.items() <= run.tags.items()
    assert tags["sync_pipeline/name"] == "Shop"
    assert tags["sync_pipeline/store"] == indexed.hash


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"mode": "selective"}, "mode selective and ids go together"),
        ({"ids": ["1"]}, "mode selective and ids go together"),
        ({"mode": "selective", "ids": ["x y"]}, "'x y' is no id"),
        ({"options": {"take_over": True}}, "take-over replaces all indices of a store"),
        ({"options": {"take_overs": True}}, "option 'take_overs' is unknown"),
    ],
)
def test_config_that_means_nothing_is_refused_in_one_line(shop: Shop, config: dict[str, Any], line: str):
    result = launch(shop, "sync_product", **config)
    assert not result.success
    [said] = failure_of(result)
    assert said.startswith(line)
    assert shop.pipeline.ledger.list() == []


@pytest.mark.parametrize("config", [{"mode": "sideways"}, {"dry_runs": True}, {"ids": "1"}])
def test_config_of_the_wrong_shape_names_the_field(shop: Shop, config: dict[str, Any]):
    with pytest.raises(dg.DagsterInvalidConfigError, match=next(iter(config))):
        launch(shop, "sync_product", **config)
    assert shop.pipeline.ledger.list() == []


def test_run_without_a_partition_says_what_to_do(shop: Shop):
    job = shop.definitions.resolve_job_def("sync_synonyms")
    result = job.execute_in_process(instance=shop.instance, raise_on_error=False)
    assert failure_of(result) == ["start the run with a partition, that is, for one scope"]
    assert shop.pipeline.ledger.list() == []


def test_dry_run_tells_what_it_would_do_and_does_nothing(indexed: Shop):
    ledger = indexed.pipeline.ledger
    before, documents, indices = ledger.list()[0], indexed.documents(), indexed.indices()
    indexed.sandbox.admin.update(indexed.hash, "products", 101, {"name": "Not yet"})
    result = launch(indexed, "sync_all", dry_run=True)
    assert result.success
    [dry, *others] = ledger.list()
    assert [one.id for one in others] == [before.id]
    assert (dry.dry_run, dry.status, dry.lane, dry.planned) == (True, "completed", None, ["dry_run"])
    assert (dry.counts["dry_run"]["update"], dry.counts["dry_run"]["create"]) == (1, 0)
    assert result.get_asset_materialization_events() == []
    assert result.get_asset_check_evaluations() == []
    events = [event.asset_observation_data.asset_observation for event in result.get_asset_observation_events()]
    observed = {event.asset_key.path[-1]: event for event in events}
    assert set(observed) == {"products", "categories", "blog_posts"}
    assert observed["products"].partition == indexed.hash
    assert observed["products"].metadata["update"].value == 1
    assert "nothing was written" in (observed["products"].description or "")
    assert (indexed.documents(), indexed.indices()) == (documents, indices)
    # Nobody's last success: what comes after it goes on from the batch before it.
    assert indexed.run_plain(mode="incremental").counts["products"]["mode"] == "incremental"
    indexed.refresh()
    assert indexed.documents()["product-101"]["name"] == "Not yet"


def test_dry_run_of_what_was_picked_is_one(indexed: Shop):
    job = indexed.definitions.resolve_implicit_global_asset_job_def()
    indexed.instance.add_dynamic_partitions("store_search_stores", [indexed.hash])

    def pick(*parts: str, **config: Any) -> dg.ExecuteInProcessResult:
        return job.execute_in_process(
            instance=indexed.instance,
            partition_key=indexed.hash,
            asset_selection=[dg.AssetKey(["store_search", part]) for part in parts],
            run_config={"resources": {"batch": {"config": config}}},
            raise_on_error=False,
        )

    assert pick("products", dry_run=True).success
    [dry, _] = indexed.pipeline.ledger.list()
    assert (dry.dry_run, dry.status, dry.counts["dry_run"]["unchanged"] > 0) == (True, "completed", True)
    said = failure_of(pick("products", "categories", options={"take_over": True}))
    assert said == ["take_over goes with all parts of a type, not with a selection"]


def test_enqueued_dry_run_is_one_and_its_next_attempt_too(indexed: Shop):
    ledger = indexed.pipeline.ledger
    indices = indexed.indices()
    request = PIPELINE.ask(Ask(indexed.hash, "product", dry_run=True, max_attempts=2))
    batch = ledger.request(request)
    ledger.fail(ledger.claim(batch.id, run_id="lost", planned=["dry_run"]), kind="lost", message="x")
    batch, result = indexed.run_batch(ledger.retry(batch.id))
    assert (result.success, batch.status, batch.dry_run, batch.attempt) == (True, "completed", True, 2)
    assert result.get_asset_materialization_events() == []
    assert indexed.indices() == indices


def test_dry_run_of_words_is_refused_in_one_line(shop: Shop):
    result = launch(shop, "sync_stop_words", dry_run=True)
    assert failure_of(result) == ["a dry run is for records: stop-words batches have none"]
    [batch] = shop.pipeline.ledger.list()
    assert (batch.status, batch.dry_run) == ("failed", True)


def test_launchpad_shows_every_field_with_its_default():
    fields: dict[str, Any] = BatchConfig.to_config_schema().as_field().config_type.fields  # pyright: ignore
    shown = {name: field.default_value for name, field in fields.items() if field.default_provided}
    assert shown == {"mode": "full", "ids": [], "dry_run": False, "confirm_deletes": False, "options": {}}
