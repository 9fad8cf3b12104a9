"""The delete guard's bounds, to the record."""

from __future__ import annotations

import pytest

from sync_pipeline.delivery.guard import DeleteGuardError, check_deletes


@pytest.mark.invariant("4.3")
@pytest.mark.parametrize(
    ("before", "deletes"),
    [(0, 0), (3, 3), (20, 20), (100, 20), (140, 21), (200, 30), (10_000, 1_500)],
    ids=lambda number: f"{number}",
)
def test_few_records_or_a_small_share_may_go(before: int, deletes: int):
    check_deletes(what="products", before=before, deletes=deletes, confirmed=False)


@pytest.mark.invariant("4.3")
@pytest.mark.parametrize(
    ("before", "deletes"), [(21, 21), (139, 21), (200, 31), (10_000, 1_501)], ids=lambda number: f"{number}"
)
def test_one_more_than_that_stops_and_says_how_to_go_on(before: int, deletes: int):
    with pytest.raises(DeleteGuardError, match=f"^products: {deletes} of {before} would vanish.*--confirm-deletes$"):
        check_deletes(what="products", before=before, deletes=deletes, confirmed=False)


@pytest.mark.invariant("4.4")
def test_what_a_person_confirmed_may_go():
    check_deletes(what="products", before=10_000, deletes=10_000, confirmed=True)
