"""A full batch through Dagster, from a sandbox store into the search cluster, with everything it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.delivery.books import balances
from sync_pipeline.pipelines.store_search.types import BatchType
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.pipelines.store_search.conftest import TOKEN, Shop
from sync_pipeline_tests.real_shop import real_shop

pytestmark = pytest.mark.real_elasticsearch

CHAIN = ["stop_words", "synonyms", "search_index", "products", "categories", "blog_posts"]


@pytest.mark.invariant("3.1")
def test_an_all_batch_materializes_the_chain_and_ends_completed(shop: Shop):
    batch, result = shop.run()
    assert result.success
    materialized = [event.asset_key.path[-1] for event in result.get_asset_materialization_events()]
    assert sorted(materialized) == sorted(CHAIN)
    assert materialized.index("search_index") > max(materialized.index("stop_words"), materialized.index("synonyms"))
    assert (batch.status, batch.dagster_run_id, sorted(batch.planned or [])) == (
        "completed",
        result.run_id,
        sorted(CHAIN),
    )
    assert sorted(batch.counts) == sorted(CHAIN)
    checks = result.get_asset_check_evaluations()
    # Three of each import, and `fresh` of each asset.
    assert len(checks) == 9 + len(CHAIN)
    assert all(check.passed for check in checks)


def test_counts_are_what_the_rules_say_of_the_demonstration_shop(shop: Shop):
    batch, _ = shop.run()
    for part in ("products", "categories", "blog_posts"):
        assert balances(batch.counts[part])
    assert batch.counts["products"]["reasons"] == {"filtered:hidden": 2}
    assert batch.counts["blog_posts"]["reasons"] == {"filtered:draft": 1, "filtered:future": 1}
    kinds = [key.partition("-")[0] for key in shop.documents()]
    written = {part: batch.counts[part]["written"] for part in ("products", "categories", "blog_posts")}
    assert kinds.count("product") == written["products"]
    assert kinds.count("category") + kinds.count("page") == written["categories"]
    assert kinds.count("post") == written["blog_posts"]


def test_the_materialization_shows_what_a_person_wants_to_see(shop: Shop):
    _, result = shop.run()
    [products] = result.asset_materializations_for_node("imports")[:1]
    for event in result.asset_materializations_for_node("imports"):
        shown: dict[str, Any] = {name: entry.value for name, entry in event.metadata.items()}
        assert shown["read"] > 0
        assert shown["seconds"] > 0
        assert shown["documents_per_second"] > 0
        assert shown["sample"]["sync"]["batch_id"]
    assert products.partition == shop.hash


def test_the_three_imports_run_at_the_same_time(shop: Shop):
    for path in ("/v3/catalog/products", "/v3/content/pages", "/v2/blog/posts"):
        shop.sandbox.admin.inject(shop.hash, FaultKind.LATENCY, path=f"*{path}", seconds=0.3)
    batch, _ = shop.run()
    spans = [batch.counts[part] for part in ("products", "categories", "blog_posts")]
    assert max(span["started_at"] for span in spans) < min(span["finished_at"] for span in spans)


@pytest.mark.invariant("5.1")
def test_a_second_batch_replaces_the_indices_and_what_was_deleted_is_gone(shop: Shop):
    shop.run()
    first = shop.served()
    assert "product-101" in shop.documents()
    shop.sandbox.admin.delete(shop.hash, "products", 101)
    shop.sandbox.admin.update(shop.hash, "products", 102, {"name": "Cove Corner Settee"})
    batch, result = shop.run()
    assert result.success
    second = shop.served()
    assert len(second) == 3
    assert not first & second
    documents = shop.documents()
    assert "product-101" not in documents
    assert documents["product-102"]["name"] == "Cove Corner Settee"
    assert batch.counts["products"]["replaced"] == [name for name in first if "-products-" in name]


def test_what_was_replaced_stays_until_the_next_build_and_no_longer(shop: Shop):
    shop.run()
    first = shop.served()
    shop.run()
    assert shop.indices().keys() == first | shop.served()
    second = shop.served()
    batch, _ = shop.run()
    assert set(batch.counts["search_index"]["removed"]) == first
    assert shop.indices().keys() == second | shop.served()


@pytest.mark.parametrize(
    ("batch_type", "parts"),
    [
        (BatchType.PRODUCT, {"search_index", "products"}),
        (BatchType.CATEGORY, {"search_index", "categories"}),
        (BatchType.BLOG, {"search_index", "blog_posts"}),
        (BatchType.STOP_WORDS, {"stop_words"}),
        (BatchType.SYNONYMS, {"synonyms"}),
    ],
)
def test_every_type_does_its_own_parts_also_for_a_store_that_has_nothing_yet(
    shop: Shop, batch_type: BatchType, parts: set[str]
):
    batch, result = shop.run(batch_type)
    assert result.success
    assert batch.status == "completed"
    assert batch.counts.keys() == parts


@pytest.mark.invariant("3.6", "5.4", "6.6")
def test_a_failing_import_fails_its_batch_and_leaves_the_old_index_and_the_others_results(shop: Shop):
    shop.run()
    before = shop.served()
    shop.sandbox.admin.inject(shop.hash, FaultKind.WRONG_TOKEN, path="*/v2/blog/posts*")
    shop.sandbox.admin.update(shop.hash, "products", 102, {"name": "Renamed meanwhile"})
    batch, result = shop.run()
    assert not result.success
    assert batch.status == "failed"
    assert batch.error is not None
    assert batch.error["kind"] == "unauthorized"
    assert batch.error["store"] == shop.hash
    assert batch.error["message"].startswith(f"blog_posts: BigCommerce store {shop.hash}: ")
    materialized = {event.asset_key.path[-1] for event in result.get_asset_materialization_events()}
    assert {"products", "categories"} <= materialized
    assert "blog_posts" not in materialized
    assert shop.documents()["product-102"]["name"] == "Renamed meanwhile"
    [old_blog] = [name for name in before if "-blog-" in name]
    assert shop.indices()[old_blog] == [f"store-{shop.hash}", f"store-{shop.hash}-blog"]
    assert shop.search("choosing a tent")
    # The next attempt is the same batch, and clears up what the failed one left.
    shop.sandbox.admin.clear_faults(shop.hash)
    again, result = shop.run_batch(shop.pipeline.ledger.retry(batch.id))
    assert (again.status, again.attempt, result.success) == ("completed", 2, True)
    assert len(shop.served()) == 3
    assert len(shop.indices()) == 6


@pytest.mark.invariant("4.3", "4.4")
@pytest.mark.parametrize("fault", [FaultKind.EMPTY_LIST, FaultKind.SHORT_LIST])
def test_a_listing_that_is_suddenly_short_loses_nothing(shop: Shop, fault: FaultKind):
    shop.run()
    before = shop.documents()
    shop.sandbox.admin.inject(shop.hash, fault, path="*/v3/catalog/products", items=3)
    batch, result = shop.run(BatchType.PRODUCT)
    assert not result.success
    assert batch.error is not None
    assert batch.error["kind"] == "delete_guard"
    assert "--confirm-deletes" in batch.error["message"]
    assert shop.documents() == before
    confirmed, result = shop.run(BatchType.PRODUCT, confirm_deletes=True)
    assert result.success
    assert confirmed.status == "completed"
    assert len(shop.documents()) < len(before) - 20


@pytest.mark.invariant("6.5")
def test_a_record_that_cannot_be_indexed_becomes_a_dead_letter_and_the_rest_is_indexed(shop: Shop):
    shop.sandbox.admin.update(shop.hash, "products", 101, {"name": ""})
    shop.sandbox.admin.update(shop.hash, "products", 102, {"price": {"amount": "a lot"}})
    batch, result = shop.run(BatchType.PRODUCT)
    assert result.success
    stats = batch.counts["products"]
    assert stats["dead_lettered"] == 2
    assert {"dead_lettered:no_name", "dead_lettered:malformed"} <= stats["reasons"].keys()
    documents = shop.documents()
    assert not {"product-101", "product-102"} & documents.keys()
    assert "product-103" in documents


@pytest.mark.invariant("7.5", "7.6", "7.7")
def test_the_token_is_nowhere_to_be_seen(shop: Shop, capfd: pytest.CaptureFixture[str]):
    shop.sandbox.admin.inject(shop.hash, FaultKind.WRONG_TOKEN, path="*/v2/blog/posts*")
    batch, result = shop.run()
    events = shop.instance.all_logs(result.run_id)
    seen = [str(vars(batch)), str(shop.pipeline.stores.get(shop.hash).token), *map(str, events), *capfd.readouterr()]
    assert events
    assert not any(TOKEN in text for text in seen)


@pytest.mark.invariant("7.10")
def test_the_generated_files_hold_the_words(shop: Shop):
    shop.pipeline.stores.add_stop_words(shop.hash, ["please"])
    shop.pipeline.stores.add_synonym_rules(shop.hash, ["tv => television"])
    shop.run()
    folder: Path = shop.pipeline.settings.state_dir / "search" / shop.hash
    assert {"please", "the"} <= set((folder / "stop_words.txt").read_text().split())
    assert (folder / "synonyms.txt").read_text() == "tv => television\n"
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600, 0o600]


def test_an_unwritable_state_directory_fails_the_batch_in_one_line(shop: Shop):
    state: Path = shop.pipeline.settings.state_dir
    state.mkdir(parents=True)
    (state / "search").write_text("a file where a folder must be")
    batch, _ = shop.run(BatchType.STOP_WORDS)
    assert batch.status == "failed"
    assert batch.error is not None
    assert "stop_words.txt cannot be written" in batch.error["message"]


def test_a_real_shop_is_found_by_words_sku_and_custom_field(new_shop: Callable[..., Shop]):
    folder = real_shop()
    shop = new_shop(folder=folder)
    batch, result = shop.run()
    assert result.success
    read = {part: batch.counts[part]["read"] for part in ("products", "categories", "blog_posts")}
    assert read == {"products": 85, "categories": 19 + 6, "blog_posts": 7}
    # What may be seen, told from the files themselves: this shop hides one category, and no product.
    files = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("products", "categories", "pages")}
    posts = json.loads((folder / "blog_posts.json").read_text())
    expected = {f"product-{record['id']}" for record in files["products"] if record["is_visible"]}
    expected |= {f"category-{record['category_id']}" for record in files["categories"] if record["is_visible"]}
    expected |= {
        f"page-{record['id']}"
        for record in files["pages"]
        if record["is_visible"] and not record["is_customers_only"] and record["type"] != "link"
    }
    expected |= {f"post-{record['id']}" for record in posts if record["is_published"]}
    documents = shop.documents()
    assert documents.keys() == expected
    assert sum(batch.counts[part]["written"] for part in read) == len(expected)

    def named(query: str) -> list[str]:
        return [documents[key].get("name") or documents[key]["title"] for key in shop.search(query)]

    assert all("Earrings" in name for name in named("earrings")[:3])
    assert "Blouse" in named("silk blouse")[0] or "Silk" in named("silk blouse")[0]
    assert shop.search("VA16-GO-NA")[0] == "product-6"
    assert "product-6" in shop.search("14k gold")


PASSING_FAULTS = [
    FaultKind.TRUNCATED_JSON,
    FaultKind.HTML,
    FaultKind.CUT_IN_BODY,
    FaultKind.SERVER_ERROR,
    FaultKind.TOO_MANY_REQUESTS,
]


@pytest.mark.invariant("6.2")
@pytest.mark.parametrize("fault", PASSING_FAULTS)
def test_answers_that_are_now_and_then_broken_are_asked_for_again(shop: Shop, fault: FaultKind):
    shop.sandbox.admin.inject(shop.hash, fault, path="*/v3/catalog/products", count=2, seconds=1)
    batch, result = shop.run(BatchType.PRODUCT)
    assert result.success
    assert batch.counts["products"]["written"] == 52
