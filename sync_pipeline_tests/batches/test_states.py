"""The life cycle is total: every pair is either in the table of DESIGN's words, or refused."""

from itertools import product

import pytest

from sync_pipeline.batches.states import Event, IllegalTransitionError, Status, next_status, status_before

ALLOWED = {
    ("pending", "claim"): "processing",
    ("pending", "fail"): "failed",
    ("processing", "complete"): "completed",
    ("processing", "fail"): "failed",
    ("failed", "retry"): "pending",
}


@pytest.mark.parametrize(("status", "event"), list(product(Status, Event)))
def test_every_pair_is_allowed_or_refused(status: Status, event: Event):
    if (status, event) in ALLOWED:
        assert next_status(status, event) == ALLOWED[status, event]
    else:
        with pytest.raises(IllegalTransitionError, match=f"{status} cannot {event}"):
            next_status(status, event)


@pytest.mark.parametrize("event", list(Event))
def test_statuses_before_an_event_are_those_that_allow_it(event: Event):
    assert set(status_before(event)) == {status for status, known in ALLOWED if known == event}
