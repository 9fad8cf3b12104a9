"""An index that is made after records were read that go into it: other imports of the batch needed these, too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sync_pipeline.pipelines.store_search.events.targets import EventDelivery
from sync_pipeline.pipelines.store_search.index.build import StoreBuild
from sync_pipeline.pipelines.store_search.source.store_source import StoreSource
from sync_pipeline.pipelines.store_search.types import Kind, Part
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.events.told_events import drain, tell
from sync_pipeline_tests.pipelines.store_search.imports.odd_records import dead_letters

pytestmark = [pytest.mark.real_elasticsearch, pytest.mark.invariant("2.5", "5.3")]

CATEGORY = 12

#: Arranges for something to be done at that moment.
Before = Callable[[Callable[[], object]], None]


def rename_category(shop: Shop) -> None:
    shop.sandbox.admin.update(shop.hash, "categories", CATEGORY, {"name": "Renamed meanwhile"})
    tell(shop, "store/category/updated", {"type": "category", "id": CATEGORY})


@pytest.fixture
def before_the_index(monkeypatch: pytest.MonkeyPatch) -> Before:
    """Has something done after a full batch has read the categories and before it makes the index for them."""

    def arrange(act: Callable[[], object]) -> None:
        read = asyncio.Event()
        read_facts, index_for = StoreSource._read_facts, StoreBuild.index_for

        async def read_and_tell(source: StoreSource) -> Any:
            facts = await read_facts(source)
            read.set()
            return facts

        async def make_late(build: StoreBuild, kind: Kind) -> str:
            if kind.part is Part.CATEGORIES:
                await read.wait()
                monkeypatch.undo()
                await asyncio.to_thread(act)
            return await index_for(build, kind)

        monkeypatch.setattr(StoreSource, "_read_facts", read_and_tell)
        monkeypatch.setattr(StoreBuild, "index_for", make_late)

    return arrange


def test_edit_drained_before_the_index_is_made_is_in_it(indexed: Shop, before_the_index: Before):
    def edit_and_drain() -> None:
        rename_category(indexed)
        assert drain(indexed).status == "completed"

    before_the_index(edit_and_drain)
    indexed.run_plain()
    assert indexed.documents()[f"category-{CATEGORY}"]["name"] == "Renamed meanwhile"


@pytest.mark.invariant("6.5")
def test_dead_letter_of_what_was_read_before_the_index_was_made_stays(indexed: Shop, before_the_index: Before):
    nameless = indexed.sandbox.admin.create(indexed.hash, "categories", {"name": "", "tree_id": 1})["category_id"]
    before_the_index(lambda: None)
    indexed.run_plain()
    assert list(dead_letters(indexed)) == [f"category-{nameless}"]


def test_drain_that_read_before_the_index_was_made_deletes_nothing_from_it(indexed: Shop, before_the_index: Before):
    has_read, is_filled = threading.Event(), threading.Event()
    deliver, publish = EventDelivery.deliver, StoreBuild.publish

    async def deliver_late(delivery: EventDelivery, part: Part, items: Any) -> None:
        if part is Part.CATEGORIES and items:
            has_read.set()
            assert await asyncio.to_thread(is_filled.wait, 60)
        await deliver(delivery, part, items)

    with ThreadPoolExecutor(1) as threads, pytest.MonkeyPatch.context() as patch:

        def begin_drain() -> None:
            nonlocal drained
            rename_category(indexed)
            drained = threads.submit(drain, indexed)
            assert has_read.wait(60)

        async def publish_after_the_drain(build: StoreBuild, kind: Kind, name: str, **written: Any) -> dict[str, Any]:
            if kind.part is Part.CATEGORIES:
                is_filled.set()
                await asyncio.to_thread(drained.result, 60)
            return await publish(build, kind, name, **written)

        drained = threads.submit(lambda: None)
        patch.setattr(EventDelivery, "deliver", deliver_late)
        patch.setattr(StoreBuild, "publish", publish_after_the_drain)
        before_the_index(begin_drain)
        before = indexed.documents().keys()
        indexed.run_plain()
    assert indexed.documents().keys() == before
    assert indexed.documents()[f"category-{CATEGORY}"]["name"] == "Renamed meanwhile"
