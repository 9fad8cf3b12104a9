"""Record versions only grow, also when a ledger went back in time: they are raised above what a destination has."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.versions import HEADROOM, raise_versions
from sync_pipeline.delivery.versions import keep_ahead
from sync_pipeline.operations import Capabilities
from sync_pipeline_tests.delivery.shelves import DictDestination, DictSource, delivery, upsert

pytestmark = pytest.mark.invariant("2.10")


def test_versions_are_raised_above_a_higher_one_and_never_lowered(ledger: Ledger):
    start = ledger.next_version()
    assert not raise_versions(ledger, start)
    assert ledger.next_version() == start + 1
    assert raise_versions(ledger, start + 2)
    assert ledger.next_version() == start + 2 + HEADROOM + 1
    assert not raise_versions(ledger, start + 2)
    assert not raise_versions(ledger, start + 2 + HEADROOM + 1)
    assert ledger.next_version() == start + 2 + HEADROOM + 2


def test_sequence_that_was_never_drawn_from_is_raised(ledger: Ledger):
    with ledger.session() as session:
        now = session.scalar(text("SELECT last_value FROM sync_pipeline.record_version"))
        session.execute(text("SELECT setval('sync_pipeline.record_version', :now, false)"), {"now": now + 10})
    assert not raise_versions(ledger, now + 9)
    assert raise_versions(ledger, now + 10)
    assert ledger.next_version() > now + 10


def test_many_who_raise_and_draw_at_once_get_growing_versions(ledger: Ledger):
    highest = ledger.next_version() + 50
    begin = threading.Barrier(12)

    def draw() -> list[int]:
        begin.wait()
        return [ledger.next_version() for _ in range(40)]

    def lift(above: int) -> list[int]:
        begin.wait()
        raise_versions(ledger, above)
        return [ledger.next_version()]

    with ThreadPoolExecutor(12) as threads:
        draws = [threads.submit(draw) for _ in range(6)]
        lifts = {above: threads.submit(lift, above) for above in range(highest, highest + 60, 10)}
        drawn = [one.result() for one in [*draws, *lifts.values()]]
        assert all(one.result()[0] > above for above, one in lifts.items())
    assert all(versions == sorted(versions) for versions in drawn)
    everything = [version for versions in drawn for version in versions]
    assert len(set(everything)) == len(everything)


async def test_any_destination_that_remembers_versions_takes_what_comes_after_a_restore(ledger: Ledger):
    class Remembering(DictDestination):
        """Refuses what is older than what it holds."""

        async def highest_version(self) -> int:
            return max((stored.version for stored in self.documents.values()), default=0)

    destination = Remembering(capabilities=Capabilities())
    assert not await keep_ahead(ledger, destination)
    held = ledger.next_version() + 5_000
    await destination.write([upsert("a", {"name": "of the lost time"}, held)])

    def dies() -> None:
        raise KeyboardInterrupt

    # Whoever dies before it has forgotten what is out of date leaves the versions as they were: the next one does both.
    with pytest.raises(KeyboardInterrupt):
        await keep_ahead(ledger, destination, when_gone_back=dies)
    forgotten: list[bool] = []
    assert await keep_ahead(ledger, destination, when_gone_back=lambda: forgotten.append(True))
    assert not await keep_ahead(ledger, destination, when_gone_back=lambda: forgotten.append(True))
    assert forgotten == [True]
    source = DictSource({"a": {"name": "now"}}, version=ledger.next_version())
    await delivery(destination).run(source.items())
    assert destination.documents["a"].version > held
