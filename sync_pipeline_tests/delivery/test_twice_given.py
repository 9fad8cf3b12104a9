"""A source that gives a record twice, as listings do that shift under their reader: the newest reading counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.delivery.compare import Comparison
from sync_pipeline.delivery.repair import repair
from sync_pipeline.delivery.verify import Verifier
from sync_pipeline.operations import Capabilities, Filtered, Item, ItemResult, Operation, Outcome, Stored
from sync_pipeline_tests.clocks import ManualClock
from sync_pipeline_tests.delivery.shelves import Content, DictDestination, delivery, fingerprint, upsert

KEYS = ("a", "b", "c")
CONTENTS = ("red", "green", None)


@dataclass
class VersionedDict(DictDestination):
    """Refuses what is older, as Elasticsearch does; it remembers the versions of deletes."""

    deleted: dict[str, int] = field(default_factory=dict)

    async def write(self, operations: Sequence[Operation[Content]]) -> Sequence[ItemResult]:
        results: list[ItemResult] = []
        for one in operations:
            held = self.deleted.get(one.key, 0)
            held = max(held, self.documents[one.key].version if one.key in self.documents else 0)
            if one.version < held:
                results.append(Outcome.STALE)
                continue
            if one.body is None:
                self.deleted[one.key] = one.version
            results += await super().write([one])
        return results


@dataclass
class Readings:
    """A source whose listing is these pages, each read later than the one before; a content of None is filtered."""

    pages: list[list[tuple[str, str | None]]]

    async def items(self) -> AsyncGenerator[Sequence[Item]]:
        for number, page in enumerate(self.pages):
            yield [_item(key, content, 10 + number) for key, content in page]

    async def named(self, keys: Sequence[str]) -> AsyncGenerator[Sequence[Item]]:
        async for page in self.items():
            yield [item for item in page if item.key in keys]

    def newest(self) -> dict[str, str]:
        found = {key: content for page in self.pages for key, content in page}
        return {key: content for key, content in found.items() if content is not None}


def _item(key: str, content: str | None, version: int) -> Item:
    return Filtered(key, "hidden", version) if content is None else upsert(key, {"text": content}, version)


def texts(destination: DictDestination) -> dict[str, str]:
    return {key: document.content["text"] for key, document in destination.documents.items()}


pages = st.lists(st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(CONTENTS)), max_size=4), max_size=5)
held = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(("red", "green")))


@pytest.mark.invariant("2.2", "2.9", "3.1")
@given(readings=st.builds(Readings, pages), before=held, versioned=st.booleans())
@settings(max_examples=200, deadline=None)
def test_newest_reading_of_a_record_that_comes_twice_stays(readings: Readings, before: dict[str, str], versioned: bool):
    documents = {key: Stored(key, 1, fingerprint({"text": text}), {"text": text}) for key, text in before.items()}
    made = VersionedDict if versioned else DictDestination
    destination = made(documents, Capabilities(versioned=versioned))
    listed = {key for page in readings.pages for key, _ in page}
    wanted = {key: text for key, text in before.items() if key not in listed} | readings.newest()

    async def deliver() -> None:
        comparison = Comparison(destination, "toys")

        async def changes() -> AsyncGenerator[Sequence[Item]]:
            async for page in readings.items():
                yield await comparison.diff(page)

        await delivery(destination).run(changes())

    asyncio.run(deliver())
    if not versioned or all(len({key for key, _ in page}) == len(page) for page in readings.pages):
        # Of two readings of one version there is no newer one: only a destination without versions keeps their order.
        assert texts(destination) == wanted


@pytest.mark.invariant("2.2")
@given(readings=st.builds(Readings, pages), before=held)
@settings(max_examples=200, deadline=None)
def test_verify_and_repair_go_by_the_newest_reading(readings: Readings, before: dict[str, str]):
    documents = {key: Stored(key, 1, fingerprint({"text": text}), {"text": text}) for key, text in before.items()}
    destination = DictDestination(documents)
    versions = iter(range(100, 1000))

    async def next_version() -> int:
        return next(versions)

    async def work() -> Verifier:
        verifier = Verifier(readings, Comparison(destination, "toys", confirmed=True), ManualClock())
        await verifier.run()
        await repair(verifier, delivery(destination), next_version=next_version)
        return verifier

    found = asyncio.run(work())
    assert set(found.result.keys) == {key for key in KEYS if before.get(key) != readings.newest().get(key)}
    assert texts(destination) == readings.newest()
    assert found.result.in_step
