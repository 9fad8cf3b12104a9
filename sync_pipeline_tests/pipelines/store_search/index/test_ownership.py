"""Indices of another ledger: refused, left as they are, and taken over when a person says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from sync_pipeline.batches.requests import Ask
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.events.claims import stores_with_events
from sync_pipeline.pipelines.store_search.imports.dry_run import dry_run
from sync_pipeline.pipelines.store_search.index.build import StoreBuild
from sync_pipeline.pipelines.store_search.index.ownership import ForeignIndexError
from sync_pipeline.pipelines.store_search.requests import request, store_request
from sync_pipeline.pipelines.store_search.types import BatchType, Kind
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.events.told_events import drain, states, tell_product
from sync_pipeline_tests.pipelines.store_search.index.other_ledgers import (
    apply_words,
    ask,
    change_marks,
    everything,
    lose_ledger,
    own_unmarked,
    repair,
    set_versions,
    taken_over,
)
from sync_pipeline_tests.pipelines.store_search.verifying import verify
from sync_pipeline_tests.properties.interrupted_shop import InterruptedShop

pytestmark = pytest.mark.real_elasticsearch

#: Further than other tests have raised the versions of the session's ledger.
FAR = 10**12

#: What may be asked of a store, by what starts it.
BATCHES: dict[str, Callable[[Shop], object]] = {
    "full": lambda shop: shop.run_plain(),
    "incremental": lambda shop: shop.run_plain(mode="incremental"),
    "selective": lambda shop: shop.run_plain(mode="selective", ids=["product-101", "page-1"]),
    "stop words": lambda shop: apply_words(shop, BatchType.STOP_WORDS),
    "synonyms": lambda shop: apply_words(shop, BatchType.SYNONYMS),
    "repair": repair,
    "drain": drain,
}


def in_step(shop: Shop) -> bool:
    return all(found.in_step for found in verify(shop).values())


@pytest.mark.invariant("2.11")
def test_new_ledger_beside_old_indices_is_refused_until_it_takes_them_over(indexed: Shop):
    set_versions(indexed, FAR)
    indexed.run_plain()
    lose_ledger(indexed)
    admin, ledger = indexed.sandbox.admin, indexed.pipeline.ledger
    admin.update(indexed.hash, "products", 101, {"name": "Edited since"})
    event = tell_product(indexed, 101)
    indexed.pipeline.stores.add_stop_words(indexed.hash, ["kettle"])
    indexed.pipeline.stores.add_synonym_rules(indexed.hash, ["telly => television"])
    before, old = everything(indexed), set(indexed.indices())
    for what, start in BATCHES.items():
        with pytest.raises(ForeignIndexError, match=f"--store {indexed.hash} --take-over"):
            start(indexed)
        batch = ledger.list()[0]
        assert batch.status == "failed", what
        assert {name: batch.error[name] for name in ("kind", "exit_status", "retry")} == {
            "kind": "foreign_index",
            "exit_status": 1,
            "retry": "person",
        }, what
    assert everything(indexed) == before
    assert states(indexed) == {event: "waiting"}
    assert stores_with_events(ledger) == []  # it rests, longer each time

    admin.inject(indexed.hash, FaultKind.WRONG_TOKEN, path="*/v2/blog/posts*")
    assert taken_over(indexed).status == "failed"
    admin.clear_faults(indexed.hash)
    with pytest.raises(ForeignIndexError):
        indexed.run_plain()
    batch = taken_over(indexed)
    assert batch.status == "completed", batch.error
    assert in_step(indexed)
    assert max(InterruptedShop.of(indexed).versions().values()) < FAR  # none is the lost ledger's

    admin.update(indexed.hash, "products", 102, {"name": "Edited later"})
    changed = indexed.run_plain(mode="incremental").counts["products"]
    assert (changed["mode"], changed["stale"]) == ("incremental", 0)
    drain(indexed)
    assert states(indexed) == {event: "done"}
    assert in_step(indexed)
    indexed.run_plain()
    assert not old & set(indexed.indices())


@pytest.mark.invariant("2.11")
def test_build_that_another_ledger_overtakes_is_not_published(indexed: Shop, monkeypatch: pytest.MonkeyPatch):
    publish = StoreBuild.publish
    served = indexed.served()

    async def be_overtaken(build: StoreBuild, kind: Kind, name: str, **written: Any) -> dict[str, Any]:
        for index in await build.indices.list():
            if index.aliases:
                meta = {**index.meta, "ledger": "another"}
                await build.cluster.client.indices.put_mapping(index=index.name, meta=meta)
        return await publish(build, kind, name, **written)

    monkeypatch.setattr(StoreBuild, "publish", be_overtaken)
    with pytest.raises(ForeignIndexError):
        indexed.run_plain()
    assert indexed.served() == served


@pytest.mark.invariant("2.11")
def test_indices_of_before_the_marks_are_those_of_a_ledger_that_was_there_then(indexed: Shop):
    change_marks(indexed, lambda meta: {**meta, "ledger": None, "run": None})
    with pytest.raises(ForeignIndexError):
        indexed.run_plain(mode="incremental")
    own_unmarked(indexed, own=True)
    try:
        indexed.sandbox.admin.update(indexed.hash, "products", 101, {"name": "Edited after the upgrade"})
        assert indexed.run_plain(mode="incremental").counts["products"]["mode"] == "incremental"
        indexed.run_plain()
        assert in_step(indexed)
    finally:
        own_unmarked(indexed, own=False)
    assert indexed.run_plain(mode="incremental").status == "completed"  # by now they are marked


@pytest.mark.invariant("2.11")
def test_what_a_person_put_behind_an_alias_is_replaced_and_nothing_of_it_copied(indexed: Shop):
    by_hand = f"by-hand-{indexed.hash}"
    [live] = [name for name in indexed.served() if "-products-" in name]

    async def put(client: Any) -> None:
        await client.index(index=by_hand, id="product-4711", document={"name": "Mine", "sync": {"version": 2**40}})
        await client.indices.refresh(index=by_hand)
        both = (f"store-{indexed.hash}", f"store-{indexed.hash}-products")
        moves = [{"remove": {"index": live, "alias": alias}} for alias in both]
        await client.indices.update_aliases(
            actions=[*moves, *({"add": {"index": by_hand, "alias": alias}} for alias in both)]
        )

    ask(indexed, put)
    try:
        indexed.run_plain()
        assert in_step(indexed)
        assert "product-4711" not in indexed.documents()
        assert max(InterruptedShop.of(indexed).versions().values()) < 2**40
    finally:
        ask(indexed, lambda client: client.indices.delete(index=by_hand))


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"type": "all", "mode": "incremental"}, "type all and mode full"),
        ({"type": "product"}, "type all and mode full"),
        ({"type": "synonyms"}, "type all and mode full"),
        ({"type": "all", "options": {"take_over": "yes"}}, "true or false"),
        ({"type": "all", "options": {"takeover": True}}, "'takeover' is unknown"),
    ],
)
def test_take_over_that_would_not_replace_all_is_refused(asked: dict[str, Any], why: str):
    with pytest.raises(UsageError, match=why):
        request(Ask("abc", **{"options": {"take_over": True}, **asked}))


def test_dry_run_says_what_the_batch_would_say(indexed: Shop):
    change_marks(indexed, lambda meta: {**meta, "ledger": "another"})
    with pytest.raises(ForeignIndexError):
        asyncio.run(dry_run(indexed.pipeline, store_request(indexed.hash, BatchType.ALL)))
    found = asyncio.run(dry_run(indexed.pipeline, store_request(indexed.hash, BatchType.ALL, take_over=True)))
    assert sum(preview.create for preview in found.values()) == len(indexed.documents())
