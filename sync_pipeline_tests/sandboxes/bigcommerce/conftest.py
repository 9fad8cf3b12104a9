from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from sync_pipeline.sandboxes.bigcommerce.testing import SandboxAdmin, SandboxServer
from sync_pipeline.sandboxes.kit.clock import Clock

NOON = 1_770_033_600.0  # 2026-02-02T12:00:00Z


@dataclass
class Shop:
    """One store of the server: an API client that holds its token, and the control client."""

    hash: str
    http: httpx.Client
    admin: SandboxAdmin

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(path, params={name.replace("__", ":"): value for name, value in params.items()})

    def data(self, path: str, **params: Any) -> Any:
        response = self.get(path, **params)
        assert response.status_code == 200, response.text
        body = response.json()
        return body["data"] if path.startswith("/v3") else body

    def total(self, path: str, **params: Any) -> int:
        return self.get(path, **params).json()["meta"]["pagination"]["total"]


@pytest.fixture(scope="session")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(clock=Clock(lambda: NOON)) as running:
        yield running


def open_shop(server: SandboxServer, store_hash: str) -> Iterator[Shop]:
    server.admin.configure(store_hash, quota=1_000_000)
    headers = {"X-Auth-Token": f"{store_hash}-token", "Accept": "application/json"}
    with httpx.Client(base_url=f"{server.base_url}/stores/{store_hash}", headers=headers, timeout=30) as http:
        yield Shop(store_hash, http, server.admin)


@pytest.fixture
def demo(server: SandboxServer) -> Iterator[Shop]:
    """The demonstration shop, fresh for every test."""
    server.admin.open_demo()
    yield from open_shop(server, "demo")


@pytest.fixture
def small(server: SandboxServer) -> Iterator[Shop]:
    """600 generated products, fresh for every test."""
    server.admin.open_generated("small", seed=5, products=600, posts=120, pages=30)
    yield from open_shop(server, "small")
