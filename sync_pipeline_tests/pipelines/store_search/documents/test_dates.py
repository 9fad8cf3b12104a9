from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.pipelines.store_search.documents.dates import iso_date, parse_date
from sync_pipeline_tests.pipelines.store_search.documents.builders import LOOSE


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2022-09-07T14:52:30+00:00", "2022-09-07T14:52:30Z"),
        ("2022-09-07T14:52:30Z", "2022-09-07T14:52:30Z"),
        ("2018-05-18T13:26:42+0000", "2018-05-18T13:26:42Z"),
        ("2022-09-07T14:52:30.999-05:00", "2022-09-07T19:52:30Z"),
        ("2022-12-31T23:30:00-02:00", "2023-01-01T01:30:00Z"),
        (" 2022-09-07 14:52:30 ", "2022-09-07T14:52:30Z"),
        ("2022-09-07", "2022-09-07T00:00:00Z"),
        ("Fri, 01 Jan 2021 10:00:00 +0100", "2021-01-01T09:00:00Z"),
        ("Fri, 01 Jan 2021 10:00:00 GMT", "2021-01-01T10:00:00Z"),
        ("5/18/2023 1:26:42 PM", "2023-05-18T13:26:42Z"),
        ({"date": "2018-05-18 08:26:42.000000", "timezone_type": 1, "timezone": "+00:00"}, "2018-05-18T08:26:42Z"),
        ({"date": "2018-05-18 08:26:42.000000", "timezone": "-05:00"}, "2018-05-18T13:26:42Z"),
        ({"date": "2018-05-18 08:26:42.000000", "timezone": "America/Chicago"}, "2018-05-18T13:26:42Z"),
        ({"date": "2018-05-18 08:26:42", "timezone": "Nowhere/Land"}, "2018-05-18T08:26:42Z"),
        ({"date": "2018-05-18 08:26:42", "timezone": "America"}, "2018-05-18T08:26:42Z"),
        ({"date": "2018-05-18 08:26:42", "timezone": ""}, "2018-05-18T08:26:42Z"),
        ({"date": "2018-05-18 08:26:42", "timezone": 3}, "2018-05-18T08:26:42Z"),
        ({"date": "2018-05-18 08:26:42"}, "2018-05-18T08:26:42Z"),
        ({"date": "2018-05-18T08:26:42Z", "timezone": "America/Chicago"}, "2018-05-18T08:26:42Z"),
        ({}, None),
        ({"date": None}, None),
        (None, None),
        ("", None),
        ("soon", None),
        ("0000-00-00 00:00:00", None),
        ("-0001-11-30T00:00:00+00:00", None),
        ("2022-02-30", None),
        ("0001-01-01T00:00:00+10:00", None),
        ("9999-12-31T23:59:59-10:00", None),
        (1536180127, None),
        (True, None),
        ([], None),
    ],
)
def test_every_spelling_becomes_iso_8601_in_utc_and_the_rest_nothing(value: Any, expected: str | None) -> None:
    assert iso_date(value) == expected


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(9990, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),  # noqa: DTZ001
    st.integers(-12 * 60, 14 * 60),
)
def test_the_point_in_time_stays_whatever_its_offset(moment: datetime, minutes: int) -> None:
    there = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))
    assert iso_date(there.isoformat()) == moment.isoformat() + "Z"
    assert parse_date({"date": there.replace(tzinfo=None).isoformat(" "), "timezone": there.isoformat()[19:]}) == there


@given(LOOSE | st.text())
def test_nothing_that_stands_for_a_date_raises(value: Any) -> None:
    text = iso_date(value)
    assert text is None or parse_date(text) is not None
