"""Keys that nothing can store become dead letters whose own keys can be stored, and are told apart."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.delivery.compare import Comparison
from sync_pipeline.delivery.sound_keys import MAX_KEY_BYTES, sound_items
from sync_pipeline.delivery.verify import Verifier
from sync_pipeline.operations import Filtered, Item, Rejected
from sync_pipeline_tests.clocks import ManualClock
from sync_pipeline_tests.delivery.shelves import DictDestination, DictSource, delivery, upsert

ODD = ["", "a\0", "\ud800", "x" * (MAX_KEY_BYTES + 1), "ä" * MAX_KEY_BYTES, "y" * 100_000]


@pytest.mark.invariant("6.5")
async def test_record_with_an_odd_key_is_a_dead_letter_and_the_others_are_written():
    source = DictSource({"good": {"a": 1}}, others=[*(upsert(key, {}) for key in ODD[:3]), *_filtered(ODD[3:])])
    destination, kept = DictDestination(), list[Rejected]()
    comparison = Comparison(destination, "toys")

    async def changes() -> AsyncGenerator[Sequence[Item]]:
        async for page in source.items():
            yield await comparison.diff(page)

    books = await delivery(destination, keep=kept.extend).run(changes())
    assert (books.as_dict()["written"], books.as_dict()["dead_lettered"]) == (1, len(ODD))
    assert list(destination.documents) == ["good"]
    assert {one.reason for one in kept} == {"malformed_key"}
    found = await Verifier(source, Comparison(destination, "toys"), ManualClock()).run()
    assert (found.in_step, found.rejected, found.suspects) == (True, len(ODD), 0)


def _filtered(keys: Sequence[str]) -> list[Item]:
    return [Filtered(key, "hidden", 1) for key in keys]


@pytest.mark.invariant("6.5")
@given(keys=st.sets(st.text(st.characters(), max_size=20) | st.sampled_from(ODD)))
def test_every_key_can_be_stored_and_no_two_become_one(keys: set[str]):
    made = [item.key for item in sound_items([Filtered(key, "hidden", 1) for key in sorted(keys)])]
    assert len(set(made)) == len(keys)
    for key in made:
        assert 0 < len(key.encode()) <= MAX_KEY_BYTES
        assert "\0" not in key
