"""A sandbox server for these tests, and a fresh store in it for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from sync_pipeline.connectors.bigcommerce.catalog import Catalog
from sync_pipeline.sandboxes.bigcommerce.admin_client import SandboxAdmin
from sync_pipeline.sandboxes.bigcommerce.catalog import Catalog as ServerCatalog
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline.sandboxes.kit.clock import Clock
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.clocks import ManualClock
from sync_pipeline_tests.connectors.bigcommerce.support import open_catalog

_numbers = count(1)


@dataclass
class SandboxStore:
    """One store: ``admin`` changes it, ``catalog()`` opens the connector on it, time passes only on ``clock``.

    ``holds`` is what the server has, to compare with.
    """

    hash: str
    base_url: str
    admin: SandboxAdmin
    clock: ManualClock
    holds: ServerCatalog

    def catalog(self, **options: Any) -> AbstractAsyncContextManager[Catalog]:
        return open_catalog(self.clock, base_url=self.base_url, store_hash=self.hash, **options)

    def inject(self, kind: str, **options: Any) -> None:
        self.admin.inject(self.hash, FaultKind(kind), **options)

    def requests(self, template: str) -> dict[str, int]:
        return dict(self.admin.counters(self.hash).requests.get(template, {}))


@pytest.fixture(scope="package")
def sandbox() -> Iterator[tuple[SandboxServer, ManualClock]]:
    clock = ManualClock()
    with SandboxServer(clock=Clock(clock.monotonic)) as server:
        yield server, clock


@pytest.fixture
def open_store(sandbox: tuple[SandboxServer, ManualClock]) -> Callable[..., SandboxStore]:
    server, clock = sandbox

    def open_generated(*, products: int = 600, pages: int = 12, posts: int = 40) -> SandboxStore:
        store_hash = f"store{next(_numbers)}"
        server.admin.open_generated(store_hash, products=products, pages=pages, posts=posts)
        clock.slept.clear()
        holds = server.sandbox.store(store_hash).catalog
        return SandboxStore(store_hash, server.base_url, server.admin, clock, holds)

    return open_generated


@pytest.fixture
def store(open_store: Callable[..., SandboxStore]) -> SandboxStore:
    return open_store()
