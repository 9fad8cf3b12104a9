from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from sync_pipeline.errors import UsageError
from sync_pipeline.sandboxes.bigcommerce.admin_client import SandboxAdmin
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
        rest, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, rest, errors) == (0, "", "")


@contextmanager
def process_of(*arguments: str) -> Iterator[tuple[str, SandboxAdmin]]:
    """The sandbox as a process, ended in order: its address, and its control API."""
    process = subprocess.Popen([*COMMAND, "--port", "0", *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with SandboxAdmin(url) as admin:
            yield url, admin
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_kept_shop_outlives_its_process(tmp_path: Path) -> None:
    kept = ("--store", "demo", "--keep", str(tmp_path / "kept"))
    headers = {"X-Auth-Token": "demo-token"}
    with process_of(*kept) as (url, admin):
        admin.update("demo", "products", 101, {"name": "Renamed"})
        newest = admin.create("demo", "products", {"name": "Short-lived", "price": 1})["id"]
        admin.delete("demo", "products", newest)
        hook = {"scope": "store/product/*", "destination": "http://127.0.0.1:9/", "is_active": True}
        assert httpx.post(f"{url}/stores/demo/v3/hooks", json=hook, headers=headers).status_code == 200
    with process_of(*kept) as (url, admin):
        product = httpx.get(f"{url}/stores/demo/v3/catalog/products/101", headers=headers).json()["data"]
        assert product["name"] == "Renamed"
        assert admin.create("demo", "products", {"name": "Next", "price": 1})["id"] == newest + 1
        [found] = httpx.get(f"{url}/stores/demo/v3/hooks", headers=headers).json()["data"]
        assert (found["id"], found["scope"]) == (1, "store/product/*")


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
        [*COMMAND, "--port", "0", *arguments], capture_output=True, text=True, timeout=120, check=False
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
