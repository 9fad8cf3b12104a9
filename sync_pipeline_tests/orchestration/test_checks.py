"""What all asset checks share: a result over all scopes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import dagster as dg

from sync_pipeline.orchestration.checks import NAMED, report_over_scopes

KEY = dg.AssetCheckKey(dg.AssetKey(["p", "things"]), "sound")


def reported(found: dict[str, tuple[bool, str]], scopes: list[str]) -> list[Any]:
    """The evaluations that a run without a partition logs, of a pipeline whose scopes have no other names."""
    events: list[Any] = []
    context: Any = SimpleNamespace(
        log=SimpleNamespace(info=lambda *_: None),
        resources=SimpleNamespace(core=SimpleNamespace(ledger=None)),
        op_execution_context=SimpleNamespace(log_event=events.append),
    )
    pipeline: Any = SimpleNamespace(noun="thing", label=lambda _, scope: scope)
    report_over_scopes(context, pipeline, KEY, found, scopes=scopes)
    return events


def test_result_over_all_scopes_names_a_bounded_number_of_them():
    scopes = [f"thing:{number:03}" for number in range(100)]
    [event] = reported(dict.fromkeys(scopes[:90], (False, "late")), scopes)
    said = {name: value.value for name, value in event.metadata.items()}
    which = said.pop("which")
    assert said == {"things": "100", "not_passed": "90", "without_result": "10"}
    assert (which.count(": late"), which.endswith("; and 70 more")) == (NAMED, True)
    assert (event.passed, event.partition) == (False, None)


def test_result_over_all_scopes_passes_when_each_that_has_one_did():
    [event] = reported({"thing:a": (True, "")}, ["thing:a", "thing:b"])
    assert (event.passed, event.description) == (True, "over all things: 1 of 1 passed")


def test_nothing_is_reported_when_no_scope_has_a_result():
    assert reported({}, ["thing:a"]) == []
    assert reported({"thing:removed": (False, "")}, []) == []
