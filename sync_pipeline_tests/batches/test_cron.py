"""When a schedule's time comes: across the nights on which clocks change, and what no time can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.batches.cron import CronError, next_run, next_runs


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        # 2:30 is left out in the night to 29 March, and is there twice in the night to 25 October.
        ("2026-03-28T00:00", ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"]),
        ("2026-10-24T00:00", ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"]),
        # Asked between the first 2:30 and the second.
        ("2026-10-25T01:10", ["2026-10-26T01:30", "2026-10-27T01:30", "2026-10-28T01:30"]),
    ],
)
def test_a_nightly_time_comes_once_a_night_also_when_clocks_change(after: str, expected: list[str]):
    assert next_runs("30 2 * * *", "Europe/Berlin", utc(after), 3) == [utc(one) for one in expected]


def test_an_hourly_time_comes_every_hour_that_really_passes():
    runs = next_runs("30 * * * *", "Europe/Berlin", utc("2026-10-24T23:00"), 4)
    assert runs == [utc(f"2026-10-{moment}") for moment in ("24T23:30", "25T00:30", "25T01:30", "25T02:30")]
    runs = next_runs("30 * * * *", "Europe/Berlin", utc("2026-03-29T00:00"), 3)
    assert runs == [utc(f"2026-03-29T0{hour}:30") for hour in range(3)]


@given(
    st.floats(0, 6 * 365 * 86400).map(lambda seconds: utc("2024-01-01T00:00") + timedelta(seconds=seconds)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]),
    st.sampled_from(["30 2 * * *", "0 */3 * * *", "*/15 * * * *", "5 1 * * SUN", "0 0 L * *"]),
)
def test_the_next_time_is_always_ahead(after: datetime, timezone: str, cron: str):
    first, second = next_runs(cron, timezone, after, 2)
    assert after < first < second
    assert next_run(cron, timezone, first) == second


@pytest.mark.parametrize(
    "cron", ["* * * *", "0 0 0 * * *", "@daily", "61 * * * *", "0 0 30 2 *", "", "a b c d e", "9" * 9999 + " * * * *"]
)
def test_a_time_that_cannot_be_is_refused_in_one_line(cron: str):
    with pytest.raises(CronError, match=r"^cron .*(five fields|malformed or never fires)") as refused:
        next_run(cron, "UTC", utc("2026-01-01T00:00"))
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize("timezone", ["Mars/Base", "", "Europe", "../../etc/passwd", "\0", "x" * 5000])
def test_a_time_zone_that_there_is_not_is_refused(timezone: str):
    with pytest.raises(CronError, match=r"^time zone .* is unknown: write it like `Europe/Berlin` or `UTC`"):
        next_run("0 2 * * *", timezone, utc("2026-01-01T00:00"))
