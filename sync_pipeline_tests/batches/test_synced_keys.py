"""What a synchronisation remembers of undated records."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.synced_keys import recall, remember


def test_who_remembers_last_is_remembered_whole_although_many_do_at_once(ledger: Ledger):
    def seen(number: int) -> dict[str, dict[str, str]]:
        return {"brand": {str(key): f"name {number}" for key in range(200)}}

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: remember(ledger, "store:abc", seen(number)), range(24)))
    assert recall(ledger, "store:abc", ["brand"]) in [seen(number) for number in range(24)]


def test_what_is_remembered_of_one_kind_leaves_the_others(ledger: Ledger):
    remember(ledger, "store:abc", {"brand": {"1": "Old"}, "category": {"2": "Home"}})
    remember(ledger, "store:other", {"brand": {"3": "Theirs"}})
    remember(ledger, "store:abc", {"brand": {"4": "New"}})
    assert recall(ledger, "store:abc", ["brand", "category"]) == {"brand": {"4": "New"}, "category": {"2": "Home"}}
    remember(ledger, "store:abc", {"category": {}})
    assert recall(ledger, "store:abc", ["category"]) == {}
    assert recall(ledger, "store:other", ["brand"]) == {"brand": {"3": "Theirs"}}


def test_only_keys_that_differ_are_written(ledger: Ledger):
    """By the transactions that wrote the rows: `xmin` of an untouched one stays."""

    def writers() -> dict[str, str]:
        with ledger.session() as session:
            found = session.execute(text("SELECT key, xmin::text FROM sync_pipeline.synced_keys"))
            return {row.key: row.xmin for row in found}

    many = {str(number): f"name {number}" for number in range(100)}
    remember(ledger, "store:abc", {"brand": many})
    before = writers()
    remember(ledger, "store:abc", {"brand": many})
    assert writers() == before
    del many["7"]
    remember(ledger, "store:abc", {"brand": {**many, "1": "Another", "100": "New"}})
    after = writers()
    assert before.keys() - after.keys() == {"7"}
    assert {key for key in after if after[key] != before.get(key)} == {"1", "100"}
