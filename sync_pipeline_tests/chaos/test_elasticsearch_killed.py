"""Elasticsearch away in the middle of a batch: waited for with back-off or told as unavailable, and no record blamed.

The real one is killed with SIGKILL and comes back on its data after a minute. That takes two minutes of a server of the
test's own, so it runs only where `ELASTICSEARCH_URL` says that the suite is about the real one.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from sync_pipeline.batches.queue import reap
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.chaos import victims
from sync_pipeline_tests.chaos.after_kills import check_recovered
from sync_pipeline_tests.chaos.relay import Relay, address_of, running_relay
from sync_pipeline_tests.clocks import HurriedClock
from sync_pipeline_tests.commands import Commands
from sync_pipeline_tests.conftest import REAL_SERVERS
from sync_pipeline_tests.fault_proxy import before, running_fault_proxy
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.imports.odd_records import dead_letters
from sync_pipeline_tests.waiting import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.real_elasticsearch]

AWAY_SECONDS = 60.0


class ReturningClock(HurriedClock):
    """Takes no time to wait, and lets the service come back after the ``n``-th wait."""

    def __init__(self, relay: Relay, n: int) -> None:
        super().__init__()
        self._relay = relay
        self._n = n
        self._is_back = False

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        # Others may have slept meanwhile.
        if len(self.slept) >= self._n and not self._is_back:
            self._is_back = True
            # Not in a thread: other writers would use up their attempts meanwhile.
            self._relay.come_back()


@pytest.mark.invariant("2.1", "6.2", "6.4")
def test_refused_connections_are_waited_out(shop: Shop, elasticsearch_url: str):
    shop.run_plain()
    shop.sandbox.admin.update(shop.hash, "products", 101, {"price": 4711})
    with running_fault_proxy(elasticsearch_url) as proxy, running_relay(address_of(proxy.url)) as relay:
        clock = ReturningClock(relay, n=3)
        settings = shop.pipeline.settings.model_copy(update={"elasticsearch_url": f"http://127.0.0.1:{relay.port}"})
        away = replace(shop, pipeline=replace(shop.pipeline, settings=settings, clock=clock))
        rule = proxy.inject(before(relay.go_away), path="*-products-*/_bulk*")
        batch = away.run_plain()
    assert rule.applied == 1
    assert len(clock.slept) >= 3
    assert shop.documents()["product-101"]["price"] == 4711
    check_recovered(shop, batch)


@dataclass
class OwnServer:
    """A real Elasticsearch that may be killed; its ``folder`` and ``port`` stay the same."""

    program: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["bash", self.program, str(self.port), self.folder / "data"],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self._answers, what="the own Elasticsearch", seconds=180)

    def kill(self) -> None:
        """Kills it and its launcher at once."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            return httpx.get(f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=1s").status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def own_server(shared: Path) -> Iterator[OwnServer]:
    """The test's own Elasticsearch. It drops root, so its folder is open to other users."""
    program = shared / "engines" / "elasticsearch" / "start.sh"
    if not REAL_SERVERS["ELASTICSEARCH_URL"]:
        pytest.skip("takes two minutes of a real Elasticsearch: runs where ELASTICSEARCH_URL names one")
    if not program.exists():
        pytest.skip(f"{program} is not there")
    folder = Path(tempfile.mkdtemp(prefix="sync-pipeline-elasticsearch."))
    folder.chmod(0o755)
    server = OwnServer(program, folder, unused_port_pair())
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder)


def unused_port_pair() -> int:
    """A port on which nothing listens, nor on the one a hundred further, which is the server's second."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 100))
            except (OSError, OverflowError):
                continue
            return port


@pytest.fixture
def commands(commands: Commands, request: pytest.FixtureRequest) -> Commands:
    """The command line, on the test's own server when it has one."""
    if "own_server" not in request.fixturenames:
        return commands
    server: OwnServer = request.getfixturevalue("own_server")
    return Commands(commands.folder, {**commands.variables, "ELASTICSEARCH_URL": server.url})


@pytest.mark.timeout(600)
@pytest.mark.invariant("1.3", "1.5", "5.4", "6.2", "6.4")
def test_the_real_one_is_killed_and_away_for_a_minute(own_server: OwnServer, commands: Commands, shop: Shop):
    shop.run_plain()
    served = shop.documents()
    shop.sandbox.admin.update(shop.hash, "products", 101, {"price": 4711})
    shop.sandbox.admin.inject(shop.hash, FaultKind.LATENCY, path="*/v3/catalog/products", seconds=2)
    running = victims.start(commands, "sync", "run", "--store", shop.hash)
    wait_for(lambda: shop.sandbox.admin.faults(shop.hash)[0].applied > 0, what="an import under way")
    own_server.kill()
    killed_at = time.monotonic()
    running.join(AWAY_SECONDS)
    time.sleep(max(0.0, killed_at + AWAY_SECONDS - time.monotonic()))
    own_server.start()
    answer = victims.answer(running, commands, seconds=120)
    shop.sandbox.admin.clear_faults(shop.hash)
    assert dead_letters(shop) == {}
    newest = shop.pipeline.ledger.list(limit=1)[0]
    if answer.status == 0:
        assert newest.status == "completed"
    else:
        assert "Elasticsearch at 127.0.0.1" in answer.failed_in_one_line(3)
        assert (newest.status, newest.error["exit_status"]) == ("failed", 3)
    # Of the three imports some may have waited it out: what they published stays.
    seen = shop.documents()
    assert seen.keys() == served.keys()
    assert {key for key in seen if seen[key] != served[key]} <= {"product-101"}
    pass_time(shop.pipeline.ledger, 60)
    assert reap(shop.pipeline.ledger) == []
    batch = shop.run_plain(mode="incremental")
    assert shop.documents()["product-101"]["price"] == 4711
    check_recovered(shop, batch)
