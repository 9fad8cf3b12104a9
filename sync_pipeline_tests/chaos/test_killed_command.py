"""`sync run` killed in mid-import: searches go on, nothing stays locked, the next attempt completes."""

from __future__ import annotations

import signal

import pytest

from sync_pipeline.local.bigcommerce.faults import FaultKind
from sync_pipeline.local.bigcommerce.testing import SandboxServer
from sync_pipeline_tests.commands import Commands
from sync_pipeline_tests.waiting import wait_for

pytestmark = pytest.mark.chaos


def found(commands: Commands, store: str) -> list[str]:
    """What a search for sofas finds."""
    return [hit["_id"] for hit in commands("search", "--store", store, "--json", "sofa").json()]


@pytest.mark.invariant(1)
@pytest.mark.invariant(5)
def test_kill_9_in_mid_import(commands: Commands, store: str, sandbox: SandboxServer):
    assert commands("sync", "run", "--store", store).status == 0
    served = found(commands, store)
    assert "product-101" in served

    sandbox.admin.inject(store, FaultKind.LATENCY, path="*/v3/catalog/products", seconds=60)
    victim = commands.start("sync", "run", "--store", store)

    def other_imports_are_done() -> bool:
        newest = commands("batches", "list", "--json").json()[0]
        return newest["status"] == "processing" and {"categories", "blog_posts"} <= newest["counts"].keys()

    wait_for(other_imports_are_done, what="an import under way")
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    sandbox.admin.clear_faults(store)
    assert found(commands, store) == served

    killed = commands("batches", "list", "--json").json()[0]
    assert killed["status"] == "processing"
    again = commands("sync", "run", "--store", store)
    assert (again.status, again.error) == (0, "")
    assert "104 read, 94 written" in again.out

    def killed_is_closed() -> bool:
        return commands("batches", "retry", str(killed["id"])).status == 0

    wait_for(killed_is_closed, what="the killed batch to be closed and retried")
    retried = commands("batches", "show", str(killed["id"]), "--json").json()
    assert (retried["status"], retried["attempt"]) == ("pending", 2)
    assert [attempt["error"]["kind"] for attempt in retried["attempts"]] == ["lost"]


@pytest.mark.parametrize("listing", ["*/v3/catalog/products", "*/v3/catalog/trees/categories"])
def test_ctrl_c_ends_the_batch_as_cancelled_and_frees_the_lane(
    commands: Commands, store: str, sandbox: SandboxServer, listing: str
):
    sandbox.admin.inject(store, FaultKind.LATENCY, path=listing, seconds=60)
    running = commands.start("sync", "run", "--store", store, "--type", "product")
    wait_for(lambda: sandbox.admin.faults(store)[0].applied > 0, what="an import under way")
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=30)
    assert running.returncode != 0
    assert "Traceback" not in output
    [batch] = commands("batches", "list", "--json").json()
    assert (batch["status"], batch["error"]["kind"]) == ("failed", "cancelled")
    sandbox.admin.clear_faults(store)
    assert commands("sync", "run", "--store", store, "--type", "product").status == 0
