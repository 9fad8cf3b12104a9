"""Whether a scope is as new as its schedules ask."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync_pipeline.batches.cron import last_run
from sync_pipeline.batches.freshness import GRACE, Freshness, freshness
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.requests import BatchRequest, Mode
from sync_pipeline.batches.schedules import add_schedule, change_schedule, pause_schedules
from sync_pipeline_tests.clocks import ManualClock

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
PARTS = {"products": ["all", "product"], "words": ["all", "words"]}


def request(kind: str = "all", mode: Mode = Mode.FULL, **options: object) -> BatchRequest:
    return BatchRequest("p", "s:a", kind, mode=mode, **options)  # pyright: ignore


def ran(ledger: Ledger, asked: BatchRequest, *parts: str, failed: bool = False) -> None:
    """A batch that finished some parts."""
    batch = ledger.claim(ledger.request(asked).id, run_id=f"run {ledger.clock.now()}", planned=list(parts))
    for part in parts:
        ledger.record_part(batch, part, {"read": 1})
    ledger.fail(batch, kind="x", message="y") if failed else ledger.complete(batch)


def look(ledger: Ledger) -> dict[str, Freshness]:
    return freshness(ledger, "s:a", PARTS)


def fresh(ledger: Ledger) -> list[str]:
    return [part for part, found in look(ledger).items() if found.fresh]


@pytest.fixture
def nightly(ledger: Ledger, clock: ManualClock) -> int:
    """A schedule of full batches at two, made at midnight."""
    clock.time = MIDNIGHT
    return add_schedule(ledger, request(), cron="0 2 * * *").id


def test_scope_without_schedules_is_fresh_and_says_why(ledger: Ledger):
    assert fresh(ledger) == ["products", "words"]
    assert look(ledger)["words"].reason == "no schedule covers it: nothing is due"


def test_scope_is_late_when_its_time_and_the_grace_are_over(ledger: Ledger, clock: ManualClock, nightly: int):
    clock.time = MIDNIGHT + timedelta(hours=2) + GRACE - timedelta(seconds=1)
    assert fresh(ledger) == ["products", "words"]
    clock.advance(2)
    assert fresh(ledger) == []
    assert look(ledger)["words"].reason == "all (full) was due 2026-03-02 02:00 UTC, none succeeded yet"
    ran(ledger, request(), "products", "words")
    assert fresh(ledger) == ["products", "words"]
    assert look(ledger)["words"].last_success == clock.now()
    clock.advance(24 * 3600)
    assert look(ledger)["products"].reason.endswith("the last one succeeded 2026-03-02 03:00 UTC")


def test_part_that_a_failed_batch_finished_is_fresh_the_other_is_late(ledger: Ledger, clock: ManualClock, nightly: int):
    clock.time = MIDNIGHT + timedelta(hours=4)
    ran(ledger, request(), "products", failed=True)
    assert fresh(ledger) == ["products"]


@pytest.mark.parametrize(
    "asked", [request(dry_run=True), request(mode=Mode.SELECTIVE, ids=["1"]), request(mode=Mode.INCREMENTAL)]
)
def test_less_than_what_the_schedule_asks_is_no_success(
    ledger: Ledger, clock: ManualClock, nightly: int, asked: BatchRequest
):
    clock.time = MIDNIGHT + timedelta(hours=4)
    ran(ledger, asked, "products", "words")
    assert fresh(ledger) == []


def test_every_schedule_counts_and_full_serves_incremental(ledger: Ledger, clock: ManualClock, nightly: int):
    add_schedule(ledger, request("product", Mode.INCREMENTAL), cron="30 * * * *")
    clock.time = MIDNIGHT + timedelta(hours=3, minutes=5)
    ran(ledger, request(), "products", "words")
    assert fresh(ledger) == ["products", "words"]
    clock.time = MIDNIGHT + timedelta(hours=5)
    assert fresh(ledger) == ["words"]
    assert len(look(ledger)["products"].schedules) == 2
    ran(ledger, request("product", Mode.INCREMENTAL), "products")
    assert fresh(ledger) == ["products", "words"]


def test_batch_of_the_schedule_that_is_at_work_is_waited_for(ledger: Ledger, clock: ManualClock, nightly: int):
    clock.time = MIDNIGHT + timedelta(hours=4)
    ledger.claim(ledger.request(request(schedule_id=nightly)).id, run_id="r", planned=["products"])
    assert fresh(ledger) == ["products", "words"]


def test_resting_schedules_are_held_against_nobody(ledger: Ledger, clock: ManualClock, nightly: int):
    with ledger.session() as session:
        pause_schedules(session, "s:a", "uninstalled")
    clock.time = MIDNIGHT + timedelta(hours=4)
    assert look(ledger)["words"].reason == "all its schedules rest: nothing is due"
    assert "uninstalled" in look(ledger)["words"].schedules[0]
    with ledger.session() as session:
        pause_schedules(session, "s:a", None)
    assert fresh(ledger) == []
    change_schedule(ledger, nightly, active=False)
    assert fresh(ledger) == ["products", "words"]


@pytest.mark.parametrize(
    ("cron", "zone", "expected"),
    [
        ("0 2 * * *", "UTC", "2026-03-28T02:00"),
        ("0 3 * * *", "Europe/Berlin", "2026-03-28T02:00"),
        ("30 * * * *", "UTC", "2026-03-29T00:30"),
        ("0 0 1 1 *", "UTC", "2026-01-01T00:00"),
        ("0 0 29 2 *", "UTC", "2024-02-29T00:00"),
    ],
)
def test_last_time_of_a_cron_expression(cron: str, zone: str, expected: str):
    found = last_run(cron, zone, datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)
