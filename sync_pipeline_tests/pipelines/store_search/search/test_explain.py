"""Why is this not found? The conclusion is drawn from the index and from BigCommerce as it is now."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.errors import UsageError
from sync_pipeline.operations import Filtered, Operation, Rejected
from sync_pipeline.pipelines.store_search.search.explain import Explanation, explain
from sync_pipeline.pipelines.store_search.search.verdicts import REASONS, Verdict, conclude
from sync_pipeline.pipelines.store_search.types import PIPELINE, BatchType
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.test_verify import edit

CLAIMED = {
    "pipeline": PIPELINE,
    "type": BatchType.SYNONYMS,
    "trigger": "manual",
    "planned": ["synonyms"],
    "requested_at": datetime(2026, 3, 1, tzinfo=UTC),
}
SAME = Operation("product-1", 2, fingerprint="aa", body=b"{}")


@pytest.mark.parametrize(
    ("held", "live", "verdict", "sentence"),
    [
        ("aa", SAME, Verdict.IN_STEP, "is in the index and in step with BigCommerce"),
        ("bb", SAME, Verdict.STALE, "has changed since the index took it: run `sync-pipeline sync run"),
        (None, SAME, Verdict.MISSING, "is not found: the index does not have it yet: run `"),
        (None, None, Verdict.RIGHTLY_ABSENT, "is not found: BigCommerce does not have it"),
        ("aa", None, Verdict.LEFT_OVER, "is still found, although BigCommerce does not have it: run `"),
        (None, Filtered("product-1", "hidden"), Verdict.RIGHTLY_ABSENT, "is not found: it is hidden in BigCommerce"),
        ("aa", Filtered("product-1", "hidden"), Verdict.LEFT_OVER, "is still found, although it is hidden"),
        (None, Rejected("product-1", "no_name", "it has no name"), Verdict.REJECTED, "as it is: it has no name"),
        ("aa", Rejected("product-1", "no_name", "it has no name"), Verdict.REJECTED, "; searches still show what it"),
    ],
)
def test_every_pair_of_index_and_record_has_its_conclusion(
    held: str | None, live: Operation | Filtered | Rejected | None, verdict: Verdict, sentence: str
) -> None:
    conclusion = conclude("product-1", "abc", published=True, held=held, live=live)
    assert conclusion.verdict is verdict
    assert conclusion.sentence.startswith("product-1 ")
    assert sentence in conclusion.sentence
    assert conclusion.in_step == (verdict in {Verdict.IN_STEP, Verdict.RIGHTLY_ABSENT})
    assert ("--ids product-1" in conclusion.sentence) == (
        verdict in {Verdict.STALE, Verdict.MISSING, Verdict.LEFT_OVER}
    )


def test_content_that_somebody_else_wrote_is_not_in_step() -> None:
    conclusion = conclude("product-1", "abc", published=True, held="aa", live=SAME, edited=True)
    assert (conclusion.verdict, conclusion.in_step) == (Verdict.EDITED, False)
    assert conclusion.sentence.endswith("run `sync-pipeline verify --store abc --repair`")


@pytest.mark.real_elasticsearch
def test_document_edited_by_hand_is_told_from_one_that_is_in_step(indexed: Shop) -> None:
    assert verdicts(indexed, "product-101", "category-12") == {
        "product-101": ("product-101", "in_step"),
        "category-12": ("category-12", "in_step"),
    }
    edit(indexed, "product-101", name="By hand")
    assert verdicts(indexed, "product-101") == {"product-101": ("product-101", "edited")}


def test_a_store_without_an_index_is_told_to_build_one() -> None:
    conclusion = conclude("product-1", "abc", published=False, held=None, live=SAME)
    assert conclusion.verdict is Verdict.MISSING
    assert conclusion.sentence.endswith("no such index yet: run `sync-pipeline sync run --store abc --type all`")


def explained(shop: Shop, key: str) -> Explanation:
    return asyncio.run(explain(shop.pipeline, shop.pipeline.stores.get(shop.hash), key))


def verdicts(shop: Shop, *keys: str) -> dict[str, tuple[str, str]]:
    found = {key: explained(shop, key) for key in keys}
    return {key: (one.key, one.conclusion.verdict.value) for key, one in found.items()}


@pytest.mark.real_elasticsearch
def test_a_document_is_explained_from_both_sides(shop: Shop) -> None:
    before = explained(shop, "product-101")
    assert before.conclusion.verdict is Verdict.MISSING
    assert (before.index, before.batch) == (None, None)
    batch, _ = shop.run()

    assert verdicts(shop, "product-101", "HP-101", "HP-101-2", "category-13", "page-2", "post-1") == {
        "product-101": ("product-101", "in_step"),
        "HP-101": ("product-101", "in_step"),
        "HP-101-2": ("product-101", "in_step"),
        "category-13": ("category-13", "in_step"),
        "page-2": ("page-2", "in_step"),
        "post-1": ("post-1", "in_step"),
    }
    filtered = {reason for part in batch.counts.values() for reason in part.get("reasons", {})}
    assert {reason.partition(":")[2] for reason in filtered} <= REASONS.keys(), filtered
    in_step = explained(shop, "product-101")
    assert in_step.indexed is not None
    assert in_step.indexed.source["sync"]["batch_id"] == batch.id
    assert in_step.batch is not None
    assert in_step.batch.id == batch.id
    assert verdicts(shop, "HP-151", "category-44", "page-8", "page-9", "post-6", "product-4711") == {
        "HP-151": ("product-151", "rightly_absent"),
        "category-44": ("category-44", "rightly_absent"),
        "page-8": ("page-8", "rightly_absent"),
        "page-9": ("page-9", "rightly_absent"),
        "post-6": ("post-6", "rightly_absent"),
        "product-4711": ("product-4711", "rightly_absent"),
    }

    admin = shop.sandbox.admin
    admin.update(shop.hash, "products", 101, {"name": "Skerry Four-Seat Sofa"})
    admin.update(shop.hash, "products", 102, {"is_visible": False})
    admin.delete(shop.hash, "products", 103)
    admin.update(shop.hash, "products", 104, {"name": ""})
    admin.update(shop.hash, "products", 151, {"is_visible": True, "name": ""})
    admin.update(shop.hash, "products", 152, {"is_visible": True})
    assert verdicts(shop, *(f"product-{number}" for number in (101, 102, 103, 104, 151, 152))) == {
        "product-101": ("product-101", "stale"),
        "product-102": ("product-102", "left_over"),
        "product-103": ("product-103", "left_over"),
        "product-104": ("product-104", "rejected"),
        "product-151": ("product-151", "rejected"),
        "product-152": ("product-152", "missing"),
    }
    shop.run(BatchType.PRODUCT, mode="selective", ids=[str(number) for number in (101, 102, 103, 151, 152)])
    assert explained(shop, "product-101").conclusion.verdict is Verdict.IN_STEP
    assert explained(shop, "product-102").conclusion.sentence == (
        "product-102 is not found: it is hidden in BigCommerce"
    )
    rejected = explained(shop, "product-151")
    assert rejected.dead_letter is not None
    assert rejected.dead_letter.reason == "no_name"
    assert "no name" in rejected.conclusion.sentence
    with pytest.raises(UsageError, match="neither a document id such as `product-12` nor a SKU"):
        explained(shop, "NO-SUCH-SKU")


def test_newest_batch_of_its_part_is_found_behind_hundreds_of_others(indexed: Shop):
    newest = indexed.pipeline.ledger.list(scope=f"store:{indexed.hash}", limit=1)[0]
    with indexed.pipeline.ledger.session() as session:
        for number in range(501):
            session.add(SyncBatch(**CLAIMED, scope=newest.scope, store_hash=indexed.hash, dagster_run_id=str(number)))
    assert explained(indexed, "product-101").batch.id == newest.id
    waiting = indexed.request(BatchType.PRODUCT)
    indexed.request(BatchType.BLOG)
    assert explained(indexed, "product-101").batch.id == waiting.id
