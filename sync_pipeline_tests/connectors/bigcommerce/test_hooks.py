"""Webhooks through the connector: against the sandbox, with answers lost and refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from sync_pipeline.connectors.bigcommerce.errors import NotFoundError, RefusedError, UnauthorizedError
from sync_pipeline.connectors.bigcommerce.hooks import Hook, HookOrder, Hooks
from sync_pipeline.errors import one_line
from sync_pipeline_tests.clocks import ManualClock
from sync_pipeline_tests.connectors.bigcommerce.conftest import SandboxStore
from sync_pipeline_tests.connectors.bigcommerce.support import new_client

PRODUCTS = HookOrder("store/product/updated", "http://127.0.0.1:9/hook", {"X-Sync-Secret": "s3cr3t-h34d3r"})


LIST = b'{"data": [], "meta": {"pagination": {"total": 0}}, "yours": "s3cr3t-h34d3r"}'


@asynccontextmanager
async def opened(store: SandboxStore) -> AsyncIterator[Hooks]:
    async with new_client(store.clock, base_url=store.base_url, store_hash=store.hash) as client:
        yield Hooks(client)


async def test_hooks_are_made_listed_changed_and_deleted(store: SandboxStore):
    async with opened(store) as hooks:
        assert await hooks.all() == []
        made = await hooks.create(PRODUCTS)
        assert PRODUCTS.is_met_by(made)
        others = [await hooks.create(HookOrder("store/sku/*", f"http://localhost/{number}")) for number in range(3)]
        assert await hooks.all() == [made, *others]
        changed = await hooks.update(made.id, HookOrder(PRODUCTS.scope, PRODUCTS.destination, {"X-Sync-Secret": "new"}))
        assert (changed.id, changed.header("x-sync-secret")) == (made.id, "new")
        assert not PRODUCTS.is_met_by(changed)
        await hooks.delete(made.id)
        await hooks.delete(made.id)
        assert await hooks.all() == others
        with pytest.raises(NotFoundError):
            await hooks.update(made.id, PRODUCTS)


@pytest.mark.parametrize("fault", ["cut_in_body", "truncated_json", "html", "503", "429"])
async def test_a_hook_whose_making_was_disturbed_is_there_once(store: SandboxStore, fault: str):
    async with opened(store) as hooks:
        store.inject(fault, path="/v3/hooks", count=1)
        made = await hooks.create(PRODUCTS)
        assert PRODUCTS.is_met_by(made)
        assert await hooks.all() == [made]


async def test_a_hook_that_was_there_with_another_secret_and_inactive_is_put_right(store: SandboxStore):
    async with opened(store) as hooks:
        old = await hooks.create(HookOrder(PRODUCTS.scope, PRODUCTS.destination, {"X-Sync-Secret": "old"}))
        async with httpx.AsyncClient(headers={"X-Auth-Token": f"{store.hash}-token"}) as http:
            url = f"{store.base_url}/stores/{store.hash}/v3/hooks/{old.id}"
            await http.put(url, json={"is_active": False})
        made = await hooks.create(PRODUCTS)
        assert (made.id, PRODUCTS.is_met_by(made)) == (old.id, True)


async def test_a_hook_that_cannot_be_is_refused_in_a_line_that_says_what_was_asked(store: SandboxStore):
    async with opened(store) as hooks:
        with pytest.raises(RefusedError, match=r"POST /v3/hooks answered 422: .*must be a loopback address") as refused:
            await hooks.create(HookOrder("store/product/*", "https://example.com/", {"X-Sync-Secret": "s3cr3t-h34d3r"}))
        assert "s3cr3t-h34d3r" not in one_line(refused.value)


async def test_a_secret_that_the_other_side_repeats_is_not_shown(clock: ManualClock):
    repeats = httpx.MockTransport(lambda request: httpx.Response(422 if request.content else 200, content=LIST))
    async with new_client(clock, base_url="http://localhost", store_hash="abc", transport=repeats) as client:
        with pytest.raises(RefusedError, match=r"POST /v3/hooks answered 422: .*\[secret\]") as refused:
            await Hooks(client).create(PRODUCTS)
    assert "s3cr3t-h34d3r" not in f"{refused.value} {PRODUCTS!r}"


async def test_a_wrong_token_makes_no_hook(store: SandboxStore):
    async with new_client(store.clock, base_url=store.base_url, store_hash=store.hash, token="wrong") as client:
        with pytest.raises(UnauthorizedError, match="POST /v3/hooks answered 401"):
            await Hooks(client).create(PRODUCTS)


def test_a_hook_without_headers_is_read_however_that_is_written():
    for headers in (None, [], {}):
        assert Hook(1, "store/sku/*", "http://localhost/", is_active=True, headers=headers).header("X") is None
