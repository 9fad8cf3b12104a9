from __future__ import annotations

import asyncio
import random
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.connectors.bigcommerce.keyset import MOST_WORKERS, IdRange, KeysetReader
from sync_pipeline.connectors.bigcommerce.listing import RecordPage
from sync_pipeline_tests.connectors.bigcommerce.virtual_time import run


@dataclass
class SimulatedListing:
    """A listing by id that others change; its answers take their time and overtake each other."""

    ids: list[int]
    limit: int = 250
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    requests: int = 0
    under_way: int = 0
    most_under_way: int = 0

    async def fetch(self, after: int, before: int | None) -> RecordPage[Any]:
        self.requests += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(self.dice.uniform(0.1, 1))
        matching = [number for number in self.ids[bisect_right(self.ids, after) :] if before is None or number < before]
        page: list[Any] = [SimpleNamespace(id=number) for number in matching[: self.limit]]
        await asyncio.sleep(self.dice.uniform(0.1, 1))
        self.under_way -= 1
        return RecordPage(self.requests, page, len(matching))

    async def read_all(self) -> Counter[int]:
        reader = KeysetReader(self.fetch, lambda record: record.id, lambda: LookupError("stuck"))
        whole = IdRange(after=0, before=None, remaining=len(self.ids))
        read: Counter[int] = Counter()
        async for page in reader.read_concurrently(whole, largest=max(self.ids, default=0)):
            read.update(record.id for record in page.records if record.id)
        return read


clusters = st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 3000)), min_size=0, max_size=4).map(
    lambda parts: sorted({number for start, length in parts for number in range(start, start + length)})
)


@settings(max_examples=60, deadline=None)
@given(ids=clusters, limit=st.sampled_from([10, 97, 250]), seed=st.integers(0, 2**32))
def test_every_record_is_read_exactly_once_however_the_ids_lie(ids, limit, seed):
    listing = SimulatedListing(ids, limit, random.Random(seed))

    assert run(listing.read_all()) == Counter(ids)


@settings(max_examples=60, deadline=None)
@given(ids=clusters.filter(bool), seed=st.integers(0, 2**32), data=st.data())
def test_records_that_stay_are_read_once_while_others_come_and_go(ids, seed, data):
    listing = SimulatedListing(list(ids), 97, random.Random(seed))
    goes = set(data.draw(st.lists(st.sampled_from(ids), max_size=50)))
    comes = [ids[-1] + number for number in range(1, data.draw(st.integers(0, 50)) + 1)]

    async def others() -> None:
        dice = random.Random(seed)
        for number in dice.sample([*goes, *comes], len(goes) + len(comes)):
            await asyncio.sleep(dice.uniform(0, 0.5))
            if number in goes:
                listing.ids.remove(number)
            else:
                listing.ids = sorted([*listing.ids, number])

    async def both() -> Counter[int]:
        changing = asyncio.create_task(others())
        read = await listing.read_all()
        changing.cancel()
        return read

    read = run(both())

    assert {number: read[number] for number in ids if number not in goes} == {
        number: 1 for number in ids if number not in goes
    }
    assert set(read) <= {*ids, *comes}
    assert max(read.values(), default=1) == 1


def test_a_record_made_while_reading_is_found():
    listing = SimulatedListing(list(range(1, 3001)))

    async def both() -> Counter[int]:
        reading = asyncio.create_task(listing.read_all())
        await asyncio.sleep(0.5)
        listing.ids.append(7_000_000)
        return await reading

    assert run(both())[7_000_000] == 1


@pytest.mark.parametrize(
    ("ids", "most_requests"),
    [
        (range(1, 20_001), 1.1),
        (range(5_000_000, 5_020_000), 1.3),
        ([*range(1, 10_001), *range(10**7, 10**7 + 10_000)], 1.6),
    ],
    ids=["dense", "far from 0", "two clusters"],
)
def test_all_workers_stay_busy_with_few_wasted_requests(ids, most_requests):
    listing = SimulatedListing(list(ids))

    async def timed() -> float:
        await listing.read_all()
        return asyncio.get_running_loop().time()

    seconds = run(timed())

    pages = len(ids) / listing.limit
    assert listing.most_under_way == MOST_WORKERS
    assert listing.requests <= most_requests * pages
    assert seconds <= 2 * pages * 1.1 / MOST_WORKERS, "an answer takes 1.1 s on average"


def test_a_small_listing_has_one_reader():
    listing = SimulatedListing(list(range(1, 900)))

    run(listing.read_all())

    assert (listing.most_under_way, listing.requests) == (1, 4)


def test_a_service_that_answers_the_same_again_is_not_asked_for_ever():
    listing = SimulatedListing(list(range(1, 600)))

    async def always_the_first(after: int, before: int | None) -> RecordPage[Any]:
        return await listing.fetch(0, None)

    reader = KeysetReader(always_the_first, lambda record: record.id, lambda: LookupError("stuck"))

    async def read() -> None:
        async for _ in reader.read(IdRange(after=0, before=None, remaining=600)):
            pass

    with pytest.raises(LookupError, match="stuck"):
        run(read())
