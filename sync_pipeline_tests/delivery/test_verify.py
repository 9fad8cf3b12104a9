"""Verifying any destination that can be read: what is wrong is found, what is under way is not, and repair mends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.batches.requests import Level
from sync_pipeline.delivery.compare import Comparison
from sync_pipeline.delivery.guard import DeleteGuardError
from sync_pipeline.delivery.repair import ForeignVersionError, repair
from sync_pipeline.delivery.verify import ROUNDS, Verifier
from sync_pipeline.operations import Filtered, Rejected, Stored
from sync_pipeline_tests.clocks import ManualClock
from sync_pipeline_tests.delivery.shelves import Content, DictDestination, DictSource, delivery, fingerprint, upsert


class ActingClock(ManualClock):
    """Does something each time that somebody waits."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self.act = act

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        self.act()


def records(count: int) -> dict[str, Content]:
    return {f"k{number}": {"name": f"Record {number}", "price": number} for number in range(count)}


def stored(source: dict[str, Content]) -> DictDestination:
    documents = {key: Stored(key, 1, fingerprint(content), dict(content)) for key, content in source.items()}
    return DictDestination(documents)


def verifier(source: DictSource, destination: DictDestination, **options: Any) -> Verifier:
    wired: dict[str, Any] = {"clock": ManualClock()}
    confirmed = options.pop("confirmed", False)
    return Verifier(source, Comparison(destination, "toys", confirmed=confirmed), **(wired | options))


async def test_destination_in_step_has_no_suspects():
    clock = ManualClock()
    source = DictSource(records(50))
    found = await verifier(source, stored(source.records), clock=clock).run()
    assert (found.in_step, found.read, found.stored, found.suspects) == (True, 50, 50, 0)
    assert clock.slept == []


async def test_every_kind_of_difference_is_found_and_shown():
    source = DictSource(records(50))
    destination = stored(source.records)
    destination.edit("k1", {"name": "Edited", "price": 1})
    del destination.documents["k2"]
    destination.documents["stranger"] = Stored("stranger", 1, "", {"name": "Added"})
    found = await verifier(source, destination).run()
    assert (found.in_step, found.differing, found.missing, found.extra) == (False, 1, 1, 1)
    assert {(one["key"], one["difference"]) for one in found.sample} == {
        ("k1", "differing"),
        ("k2", "missing"),
        ("stranger", "extra"),
    }
    assert found.sample[0]["fields"] == {"name": ['"Edited"', '"Record 1"']}


async def test_fast_verification_believes_stored_fingerprints():
    source = DictSource(records(10))
    destination = stored(source.records)
    destination.edit("k1", {"name": "Edited behind its fingerprint"})
    assert (await verifier(source, destination, level=Level.FAST).run()).in_step
    assert not (await verifier(source, destination, level=Level.CONTENT).run()).in_step
    destination.documents["k2"] = Stored("k2", 0, fingerprint({"old": 1}), {"old": 1})
    assert [one["key"] for one in (await verifier(source, destination, level=Level.FAST).run()).sample] == ["k2"]


async def test_filtered_record_in_the_destination_is_extra_and_a_rejected_one_is_not():
    source = DictSource(records(10), others=[Filtered("hidden", "hidden", 2), Rejected("bad", "malformed", "no")])
    destination = stored(records(10))
    for key in ("hidden", "bad"):
        destination.documents[key] = Stored(key, 1, "", {"name": key})
    found = await verifier(source, destination).run()
    assert (found.extra, found.rejected, found.keys) == (1, 1, ["hidden"])


async def test_edit_in_flight_is_not_reported():
    source = DictSource(records(10))
    destination = stored(source.records)
    source.records["k1"] = {"name": "Just edited"}
    clock = ManualClock()

    def deliver_at_last() -> None:
        if len(clock.slept) == ROUNDS - 1:
            content = source.records["k1"]
            destination.documents["k1"] = Stored("k1", 2, fingerprint(content), content)

    clock = ActingClock(deliver_at_last)
    found = await verifier(source, destination, clock=clock).run()
    assert (found.in_step, found.suspects, found.moving) == (True, 1, 0)


async def test_document_that_keeps_changing_is_moving_and_not_differing():
    source = DictSource(records(10))
    destination = stored(source.records)
    count = iter(range(100))

    def edit() -> None:
        source.records["k1"] = {"name": f"Edit {next(count)}"}

    edit()
    found = await verifier(source, destination, clock=ActingClock(edit)).run()
    assert (found.in_step, found.moving, found.differing) == (True, 1, 0)


@pytest.mark.invariant("4.3")
@pytest.mark.parametrize("listed", [0, 3, 800])
async def test_short_listing_is_no_list_of_differences(listed: int):
    source = DictSource(records(1000), listed=listed)
    destination = stored(records(1000))
    work = verifier(source, destination)
    with pytest.raises(DeleteGuardError, match=f"{1000 - listed} of 1000 would vanish"):
        await work.run()
    assert (work.result.extra, work.result.keys) == (0, [])
    assert (await verifier(source, destination, confirmed=True).run()).extra == 1000 - listed


@given(
    wanted=st.dictionaries(st.integers(0, 15), st.integers(0, 3)),
    held=st.dictionaries(st.integers(0, 15), st.integers(0, 3)),
)
@settings(max_examples=150, deadline=None)
async def test_verification_finds_exactly_what_differs_and_repair_mends_it(wanted, held):
    source = DictSource({f"k{key}": {"value": value} for key, value in wanted.items()})
    contents = {f"k{key}": {"value": value} for key, value in held.items()}
    destination = stored(contents)
    work = verifier(source, destination)
    found = await work.run()
    keys = source.records.keys() | contents.keys()
    assert set(found.keys) == {key for key in keys if source.records.get(key) != contents.get(key)}
    await repair(work, delivery(destination), next_version=source.next_version)
    assert found.in_step
    assert {key: one.content for key, one in destination.documents.items()} == source.records


async def test_repair_reads_with_a_version_beyond_what_a_stranger_wrote():
    source = DictSource(records(10))
    destination = stored(source.records)
    for number in range(200):
        destination.edit("k1", {"name": f"Edit {number}"})
    work = verifier(source, destination)
    await work.run()
    await repair(work, delivery(destination), next_version=source.next_version)
    assert destination.documents["k1"].content == source.records["k1"]
    assert destination.documents["k1"].version > 201


async def test_version_out_of_reach_is_said_so():
    source = DictSource(records(10))
    destination = stored(source.records)
    destination.documents["k1"] = Stored("k1", 10**15, "", {})
    work = verifier(source, destination)
    await work.run()
    with pytest.raises(ForeignVersionError, match="Run a full batch"):
        await repair(work, delivery(destination), next_version=source.next_version)


@pytest.mark.invariant("4.3")
async def test_repair_deletes_nothing_beyond_the_guard():
    source = DictSource(records(100), others=[Filtered("x", "hidden", 2)])
    destination = stored(records(100))
    work = verifier(source, destination)
    await work.run()
    work.result.keys = [f"k{number}" for number in range(50)]
    source.records.clear()
    with pytest.raises(DeleteGuardError):
        await repair(work, delivery(destination), next_version=source.next_version)
    assert len(destination.documents) == 100


@pytest.mark.invariant("4.3")
async def test_records_that_were_hidden_meanwhile_count_for_the_guard_of_a_repair():
    source = DictSource(records(100))
    destination = stored(records(100))
    work = verifier(source, destination)
    await work.run()
    work.result.keys = [f"k{number}" for number in range(50)]
    source.records.clear()
    source.others = [Filtered(f"k{number}", "hidden", 5) for number in range(50)]
    with pytest.raises(DeleteGuardError):
        await repair(work, delivery(destination), next_version=source.next_version)
    assert len(destination.documents) == 100


async def test_same_content_in_other_words_is_no_difference():
    source = DictSource({"a": {"price": 1.0}})
    destination = DictDestination({"a": Stored("a", 1, "", {"price": 1})})
    assert upsert("a", {"price": 1.0}).fingerprint != fingerprint({"price": 1})
    found = await verifier(source, destination).run()
    assert (found.in_step, found.suspects) == (True, 1)
