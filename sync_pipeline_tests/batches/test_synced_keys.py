"""What a synchronisation remembers of undated records."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

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
