from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sync_pipeline.errors import UsageError
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline.sandboxes.kit.server import listen

COMMAND = [sys.executable, "-m", "sync_pipeline.sandboxes.bigcommerce"]


def test_the_process_serves_the_stores_it_is_told_says_one_line_and_ends_on_sigterm(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.json"
    tokens.write_text(json.dumps({"gen": "from-a-file"}))
    arguments = ["--port", "0", "--store", "demo", "--generate", "gen:4:2000", "--tokens-file", str(tokens)]
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["stores"] == ["demo", "gen"]
        assert httpx.get(f"{told['url']}/_sandbox/health").json()["status"] == "ok"
        for store, token, expected in [
            ("demo", "demo-token", 200),
            ("gen", "from-a-file", 200),
            ("gen", "gen-token", 401),
        ]:
            url = f"{told['url']}/stores/{store}/v3/catalog/products"
            assert httpx.get(url, headers={"X-Auth-Token": token}).status_code == expected
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=15)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, rest, errors) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "192.0.2.1"], "loopback addresses only"),
        (["--folder", "/nonexistent"], "/nonexistent/store.json is not there"),
        (["--generate", "x:y:z"], "HASH:SEED:PRODUCTS"),
        (["--tokens-file", "/nonexistent"], "no JSON file of tokens"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_status_2(arguments: list[str], message: str) -> None:
    ended = subprocess.run(
        [*COMMAND, "--port", "0", *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_taken_port_is_told() -> None:
    with SandboxServer() as server:
        port = int(server.base_url.rpartition(":")[2])
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}"):
            listen("127.0.0.1", port)


def test_a_stopped_server_no_longer_listens() -> None:
    with SandboxServer() as server:
        assert server.admin.health() == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.base_url}/_sandbox/health")
