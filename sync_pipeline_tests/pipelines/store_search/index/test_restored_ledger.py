"""A ledger that was restored from a backup goes on by itself: versions, deletes and memory that it lost do no harm."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync_pipeline.pipelines.store_search.types import BatchType
from sync_pipeline_tests.backups import Backup
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.events.told_events import drain, tell, tell_product
from sync_pipeline_tests.pipelines.store_search.index.other_ledgers import apply_words, repair, set_versions
from sync_pipeline_tests.pipelines.store_search.verifying import differences, verify
from sync_pipeline_tests.properties.interrupted_shop import InterruptedShop

pytestmark = [pytest.mark.real_elasticsearch, pytest.mark.invariant("2.10")]

CATEGORY = 12
#: Edited before and after the restore; deleted before; hidden before and shown after; deleted after.
EDITED, GONE, HIDDEN, GONE_LATER = 101, 102, 103, 104
TOUCHED = (EDITED, GONE, HIDDEN, GONE_LATER)


def lost_time(shop: Shop) -> None:
    """What happens between the backup and the loss: batches and drains that the restored ledger does not know."""
    admin, ledger = shop.sandbox.admin, shop.pipeline.ledger
    set_versions(shop, ledger.next_version() + 20_000)  # what other stores' batches draw
    admin.update(shop.hash, "products", EDITED, {"name": "Of the lost time"})
    admin.delete(shop.hash, "products", GONE)
    admin.update(shop.hash, "products", HIDDEN, {"is_visible": False})
    admin.update(shop.hash, "categories", CATEGORY, {"name": "Of the lost time"})
    shop.run_plain()
    admin.update(shop.hash, "products", GONE_LATER, {"name": "Of the lost time"})
    for number in (GONE_LATER, EDITED):
        tell_product(shop, number)
    drain(shop)


def edit_again(shop: Shop) -> None:
    admin = shop.sandbox.admin
    admin.update(shop.hash, "products", EDITED, {"name": "After the restore"})
    admin.update(shop.hash, "products", HIDDEN, {"is_visible": True})
    admin.delete(shop.hash, "products", GONE_LATER)


def by_events(shop: Shop) -> None:
    for number in TOUCHED:
        tell_product(shop, number)
    tell(shop, "store/category/updated", {"type": "category", "id": CATEGORY})
    stats = drain(shop).counts["events"]
    assert stats["stale"] == 0


def by_ids(shop: Shop) -> None:
    keys = [f"product-{number}" for number in TOUCHED]
    counts = shop.run_plain(mode="selective", ids=[*keys, f"category-{CATEGORY}"]).counts
    assert counts["products"]["stale"] == 0


def by_incremental(shop: Shop) -> None:
    assert shop.run_plain(mode="incremental").counts["products"]["stale"] == 0


def by_full(shop: Shop) -> None:
    assert shop.run_plain().counts["products"]["stale"] == 0


@pytest.mark.parametrize("go_on", [by_full, by_incremental, by_ids, by_events, repair])
def test_restored_ledger_is_right_at_once(indexed: Shop, go_on: Callable[[Shop], object]):
    backup = Backup.of(indexed.pipeline.ledger.engine)
    lost_time(indexed)
    held = max(InterruptedShop.of(indexed).versions().values())
    backup.restore()
    assert indexed.pipeline.ledger.next_version() <= held
    edit_again(indexed)
    go_on(indexed)
    assert differences(verify(indexed)) == {}
    assert all(found.in_step for found in verify(indexed).values())


def test_half_built_index_of_a_batch_with_the_same_number_is_not_gone_on_with(indexed: Shop):
    """A restored ledger gives the numbers of its batches again."""
    backup = Backup.of(indexed.pipeline.ledger.engine)
    lost = indexed.run_plain()
    [products] = [name for name in indexed.served() if "-products-" in name]
    indexed.run_plain()  # from now on no alias names it
    gone = indexed.ids("products")[0]
    indexed.sandbox.admin.delete(indexed.hash, "products", gone)
    backup.restore()
    again = indexed.run_plain()
    assert again.id == lost.id
    assert products not in indexed.served()
    assert all(found.in_step for found in verify(indexed).values())


def test_name_that_was_changed_and_changed_back_since_the_backup_is_found(indexed: Shop):
    """Nothing dates it, and what the restored ledger remembers is what the shop says now."""
    admin = indexed.sandbox.admin
    brand = indexed.records("brands")[0]
    backup = Backup.of(indexed.pipeline.ledger.engine)
    admin.update(indexed.hash, "brands", brand["id"], {"name": "Of the lost time"})
    indexed.run_plain(mode="incremental")
    backup.restore()
    admin.update(indexed.hash, "brands", brand["id"], {"name": brand["name"]})
    indexed.run_plain(mode="incremental")
    assert all(found.in_step for found in verify(indexed).values())


def test_words_of_a_restored_ledger_are_those_that_work(indexed: Shop):
    backup = Backup.of(indexed.pipeline.ledger.engine)
    indexed.pipeline.stores.add_stop_words(indexed.hash, ["kettle"])
    apply_words(indexed, BatchType.STOP_WORDS)
    backup.restore()
    applied = apply_words(indexed, BatchType.STOP_WORDS).counts["stop_words"]
    assert set(applied["reindexed"]) == {"products", "categories", "blog"}
    assert all(found.in_step for found in verify(indexed).values())
