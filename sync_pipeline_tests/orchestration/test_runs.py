"""What the ledger keeps of a run that Dagster itself ended, as the step finds it."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import pytest

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.requests import BatchRequest
from sync_pipeline.orchestration.runs import run_batch_part
from sync_pipeline.orchestration.tags import MAX_RUNTIME_TAG, run_tags

MONITORED = {"run_monitoring": {"enabled": True}}
Report = Callable[[dg.DagsterInstance, dg.DagsterRun], object]


def failed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    instance.report_run_failed(run)


def canceling(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    instance.report_run_canceling(run)


@pytest.mark.parametrize(
    ("report", "max_runtime", "error"),
    [
        (failed, "3600", ("lost", "later")),
        (canceling, "0.001", ("lost", "later")),
        (canceling, "3600", ("cancelled", "person")),
        (canceling, "an hour", ("cancelled", "person")),
    ],
)
def test_run_that_dagster_ends_for_its_runtime_is_lost(
    ledger: Ledger, report: Report, max_runtime: str, error: tuple[str, str]
):
    request = BatchRequest(pipeline="store_search", scope="store:abc", type="all")
    batch = ledger.request(request)

    @dg.op
    def works_too_long(context) -> None:
        with run_batch_part(context, ledger, by_hand=lambda _: request, title=lambda *_: None, planned=("a",)):
            report(context.instance, context.run)
            raise KeyboardInterrupt

    @dg.job
    def job() -> None:
        works_too_long()

    with dg.instance_for_test(overrides=MONITORED) as instance, pytest.raises(BaseException):  # noqa: B017, PT011
        job.execute_in_process(instance=instance, tags={**run_tags(batch), MAX_RUNTIME_TAG: max_runtime})
    ended = ledger.get(batch.id).error or {}
    assert (ended["kind"], ended["retry"]) == error
