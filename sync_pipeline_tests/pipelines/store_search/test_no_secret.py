"""A batch through Dagster leaves its store's token nowhere: not in a file, row, log line, event or run config."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from sync_pipeline.batches.base import Base
from sync_pipeline.pipelines.store_search.types import BatchType
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.fault_proxy import Answer, Forward, Request, running_fault_proxy
from sync_pipeline_tests.pipelines.store_search.conftest import TOKEN, Shop


def echo(request: Request, forward: Forward) -> Answer:
    """Refuses the request, and repeats all its headers."""
    return Answer(422, {"Content-Type": "text/plain"}, str(request.headers).encode())


@pytest.mark.invariant("7.5", "7.6", "7.7")
def test_a_store_that_repeats_the_token_in_its_answer_leaves_it_nowhere(shop: Shop, capfd: pytest.CaptureFixture[str]):
    with running_fault_proxy(shop.sandbox.base_url) as proxy:
        refused = proxy.inject(echo, path="*/v2/blog/posts*", count=None)
        settings = shop.pipeline.settings.model_copy(update={"bigcommerce_api_url": proxy.url})
        batch, result = replace(shop, pipeline=replace(shop.pipeline, settings=settings)).run(BatchType.BLOG)
    assert refused.applied
    assert "[token]" in batch.error["message"]
    seen = [str(batch.error), *map(str, shop.instance.all_logs(result.run_id)), *capfd.readouterr()]
    assert [text for text in seen if TOKEN in text] == []


def files_with(folder: Path, secret: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


@pytest.mark.invariant("7.4", "7.5", "7.6")
def test_the_token_is_in_no_file_row_log_line_event_or_run(
    shop: Shop, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    caplog.set_level(logging.DEBUG)  # also what clients of others would say
    shop.sandbox.admin.inject(shop.hash, FaultKind.SERVER_ERROR, path="*/v2/blog/posts", count=1)
    shop.sandbox.admin.inject(shop.hash, FaultKind.WRONG_TOKEN, path="*/v3/content/pages*")
    _, result = shop.run()
    assert not result.success

    lines = [*caplog.messages, *(str(vars(record)) for record in caplog.records), *capfd.readouterr()]
    assert any("BigCommerce store" in line for line in lines)
    assert not [line for line in lines if TOKEN in line]

    run = shop.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert TOKEN not in str((run.run_config, run.tags, shop.instance.all_logs(result.run_id)))

    with shop.pipeline.ledger.engine.connect() as connection:
        rows = str([connection.execute(table.select()).all() for table in Base.metadata.sorted_tables])
    assert shop.hash in rows
    assert TOKEN not in rows

    state, dagster = shop.pipeline.settings.state_dir, Path(shop.instance.root_directory)
    assert (state / "search").is_dir()
    assert files_with(state, TOKEN) + files_with(dagster, TOKEN) == []
