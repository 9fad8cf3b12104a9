"""The receiver as a process: what it loads, and as a service of `dev`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx

from sync_pipeline.local.api_service import run_api
from sync_pipeline.local.engines import Engines
from sync_pipeline_tests.api.bigcommerce.senders import SECRET, payload
from sync_pipeline_tests.api.conftest import STORE
from sync_pipeline_tests.commands import Commands


def test_it_loads_neither_dagster_nor_a_search_client(project: Path):
    code = (
        "import sys, sync_pipeline.api.app, sync_pipeline.api.server;"
        "print([n for n in ('dagster', 'elasticsearch', 'selectolax') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_supervisor_runs_it_on_a_port_that_it_keeps(
    commands: Commands, store: str, tmp_path: Path, unused_port: int
):
    exports = {**commands.variables, "SYNC_PIPELINE_STATE_DIR": str(tmp_path)}
    addresses = []
    for port in (0, 0, unused_port):
        with Engines.open(tmp_path, owner="tests", idle=0.0) as engines:
            address = run_api(engines, exports, port=port)
            answer = httpx.post(
                f"{address}/webhooks/bigcommerce/{STORE}", content=payload(store), headers={"X-Sync-Secret": SECRET}
            )
            assert answer.status_code == 200
            addresses.append(address)
            assert "api" in engines.stop()
    assert addresses[0] == addresses[1]
    assert addresses[2] == f"http://127.0.0.1:{unused_port}"
