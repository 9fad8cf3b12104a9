"""What is looked at for `health` has a bound each, and is told as soon as it is known."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from sync_pipeline.errors import SyncPipelineError
from sync_pipeline.health import look, side_by_side
from sync_pipeline.pipeline import Finding


def test_look_that_hangs_is_left_behind_and_told():
    hangs = threading.Event()
    found = look("daemon", lambda: str(hangs.wait()), seconds=0.2)
    assert (found.exit_status, found.detail) == (3, "no answer within 0 s")
    hangs.set()


def test_looks_are_side_by_side_and_each_finding_is_told_when_known():
    both, go_on = threading.Barrier(2, timeout=60), threading.Event()

    def first() -> Iterator[Finding]:
        both.wait()
        yield Finding("first", "known")
        go_on.wait(60)
        raise SyncPipelineError("and then it failed")

    def second() -> Iterator[Finding]:
        both.wait()
        yield Finding("second", "known")

    findings = side_by_side([("first", first, 60), ("second", second, 60)])
    assert next(findings).detail == "known"
    go_on.set()
    assert [(one.what, one.exit_status) for one in findings] == [("first", 1), ("second", 0)]


def test_unexpected_error_is_a_finding_of_its_own():
    found = [
        *side_by_side(
            [("one", lambda: [Finding(str(1 / 0), "")], 10.0), ("other", lambda: [Finding("other", "")], 10.0)]
        )
    ]
    assert [(one.what, one.exit_status) for one in found] == [("one", 1), ("other", 0)]
    assert "ZeroDivisionError" in found[0].detail
