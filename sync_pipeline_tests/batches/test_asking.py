"""What may be asked for: once while it waits, and only of a pipeline's own scopes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.requests import BatchRequest, Mode
from sync_pipeline.batches.rows import ForeignScopeError

REQUEST = BatchRequest("toy", "toy:a", "all")
NOUNS = {"toy": "toy", "store_search": "store"}


def test_batch_asked_for_by_many_at_once_waits_once(ledger: Ledger):
    for round_ in range(5):
        request = replace(REQUEST, scope=f"toy:{round_}")
        with ThreadPoolExecutor(16) as pool:
            made = list(pool.map(lambda _, of=request: ledger.request_unless_pending(of), range(16)))
        [batch] = [one for one in made if one is not None]
        assert [(one.id, one.status) for one in ledger.list(limit=1)] == [(batch.id, "pending")]


def test_batch_is_asked_for_anew_when_none_alike_waits(ledger: Ledger):
    first = ledger.request_unless_pending(replace(REQUEST, ids=["1"], options={"batch_size": 7}))
    assert first is not None
    assert (first.ids, first.options, first.unique_while_pending, first.lane) == (
        ["1"],
        {"batch_size": 7},
        True,
        "bulk",
    )
    assert ledger.request_unless_pending(REQUEST) is None
    # A dry run does none of what was asked for.
    ledger.request(replace(REQUEST, mode=Mode.INCREMENTAL, dry_run=True, lane=None))
    for other in ({"scope": "toy:b"}, {"type": "one"}, {"mode": Mode.INCREMENTAL}):
        assert ledger.request_unless_pending(replace(REQUEST, **other)) is not None
    ledger.claim(first.id, run_id="r", planned=[])
    assert ledger.request_unless_pending(replace(REQUEST, reserved_for="mine")) is not None


def test_batch_that_waits_for_any_reason_is_not_asked_for_again(ledger: Ledger):
    ledger.request(REQUEST)
    assert ledger.request_unless_pending(REQUEST) is None


def test_retried_batch_may_wait_beside_one_alike(ledger: Ledger):
    failed = ledger.request_unless_pending(REQUEST)
    assert failed is not None
    ledger.fail(ledger.claim(failed.id, run_id="r", planned=[]), kind="lost", message="x")
    assert ledger.request_unless_pending(REQUEST) is not None
    assert ledger.retry(failed.id).status == "pending"
    assert ledger.request_unless_pending(REQUEST) is None


@pytest.mark.parametrize(
    ("pipeline", "scope"), [("toy", "store:abc"), ("toy", "toys:a"), ("store_search", "toy:a"), ("new", "store:abc")]
)
def test_scope_of_another_pipeline_is_refused(ledger: Ledger, pipeline: str, scope: str):
    told = replace(ledger, nouns=NOUNS)
    request = BatchRequest(pipeline, scope, "all")
    for ask in (told.request, told.request_unless_pending):
        with pytest.raises(ForeignScopeError, match=f"'{scope}' is no scope of {pipeline}"):
            ask(request)
    assert ledger.list() == []


@pytest.mark.parametrize(("pipeline", "scope"), [("toy", "toy:a"), ("store_search", "store:abc"), ("new", "new:a")])
def test_scope_of_its_own_pipeline_is_taken(ledger: Ledger, pipeline: str, scope: str):
    assert replace(ledger, nouns=NOUNS).request(BatchRequest(pipeline, scope, "all")).scope == scope
