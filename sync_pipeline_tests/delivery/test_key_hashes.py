"""The table of key hashes behaves as a dict, and takes a fraction of its memory."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.delivery.key_hashes import KeyTable, key_hash

hashes = st.one_of(st.integers(0, 8), st.integers(0, 2**64 - 1), st.integers(0, 4).map(lambda n: n << 32))


@given(st.lists(st.tuples(hashes, st.integers(1, 2**64 - 1)), max_size=200))
def test_table_gives_what_was_put_last(pairs: list[tuple[int, int]]):
    table, expected = KeyTable(), dict[int, int]()
    for hashed, number in pairs:
        table.put(hashed, number)
        expected[hashed] = number
    assert len(table) == len(expected)
    assert {hashed: table.get(hashed) for hashed in expected} == expected
    assert all(table.get(other) == 0 for other in (3, 2**63, 12345) if other not in expected)


def test_table_grows_and_stays_small():
    tracemalloc.start()
    table = KeyTable()
    table.update(f"product-{number}" for number in range(50_000))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(table) == 50_000
    assert all(table.get(key_hash(f"product-{number}")) for number in range(0, 50_000, 100))
    assert not table.get(key_hash("product-50000"))
    assert size < 50 * 50_000
