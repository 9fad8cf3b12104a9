"""`sync run` killed in mid-import: searches go on, the next batch waits for the lane no longer than its lease."""

from __future__ import annotations

import signal

import pytest

from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.chaos import victims
from sync_pipeline_tests.chaos.after_kills import lease_ends
from sync_pipeline_tests.commands import Commands
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.waiting import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.real_elasticsearch]


@pytest.mark.invariant("1.4", "1.5", "5.4", "8.1")
def test_kill_9_in_mid_import(commands: Commands, shop: Shop):
    shop.run_plain()
    served = shop.search("sofa")
    assert "product-101" in served
    ledger = shop.pipeline.ledger

    shop.sandbox.admin.inject(shop.hash, FaultKind.LATENCY, path="*/v3/catalog/products", seconds=60)
    victim = commands.start("sync", "run", "--store", shop.hash)

    def other_imports_are_done() -> bool:
        newest = ledger.list(limit=1)[0]
        return newest.status == "processing" and {"categories", "blog_posts"} <= newest.counts.keys()

    wait_for(other_imports_are_done, what="an import under way")
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    shop.sandbox.admin.clear_faults(shop.hash)
    assert shop.search("sofa") == served

    killed = ledger.list(limit=1)[0]
    assert killed.status == "processing"
    pass_time(ledger, 22)
    expires_at = lease_ends(shop)
    again = victims.answer(victims.start(commands, "sync", "run", "--store", shop.hash), commands)
    assert (again.status, again.error) == (0, "")
    assert "104 read, 94 written" in again.out
    finished_at = ledger.list(limit=1)[0].finished_at
    assert finished_at is not None and expires_at is not None and finished_at > expires_at

    pass_time(ledger, 30)
    assert commands("batches", "retry", str(killed.id)).status == 0
    retried = ledger.get(killed.id)
    assert (retried.status, retried.attempt) == ("pending", 2)
    assert [attempt.error["kind"] for attempt in ledger.attempts(killed.id)] == ["lost"]


@pytest.mark.parametrize("listing", ["*/v3/catalog/products", "*/v3/catalog/trees/categories"])
def test_ctrl_c_ends_the_batch_as_cancelled_and_frees_the_lane(commands: Commands, shop: Shop, listing: str):
    shop.sandbox.admin.inject(shop.hash, FaultKind.LATENCY, path=listing, seconds=600)
    running = commands.start("sync", "run", "--store", shop.hash, "--type", "product")
    wait_for(lambda: shop.sandbox.admin.faults(shop.hash)[0].applied > 0, what="an import under way")
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=180)
    assert running.returncode != 0
    assert "Traceback" not in output
    [batch] = shop.pipeline.ledger.list()
    assert (batch.status, batch.error["kind"]) == ("failed", "cancelled")
    shop.sandbox.admin.clear_faults(shop.hash)
    again = victims.start(commands, "sync", "run", "--store", shop.hash, "--type", "product")
    assert victims.answer(again, commands).status == 0
