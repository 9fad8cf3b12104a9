"""A store's hooks: registered, put right, removed, and checked for gaps; against the sandbox and the ledger."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from sync_pipeline.batches.states import Status
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.events import hooks
from sync_pipeline.pipelines.store_search.events.hook_check import check_all_hooks
from sync_pipeline.pipelines.store_search.events.scopes import CHANNEL_SCOPES, STORE_SCOPES
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.runtime import StoreSearch
from sync_pipeline.pipelines.store_search.stores.models import Store
from sync_pipeline.pipelines.store_search.stores.stores import store_scope
from sync_pipeline.pipelines.store_search.types import BatchType
from sync_pipeline.sandboxes.bigcommerce.catalog import channel
from sync_pipeline.sandboxes.bigcommerce.hooks import Hook
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline.settings import Settings
from sync_pipeline_tests.sandboxes.bigcommerce.receiver import Receiver
from sync_pipeline_tests.waiting import wait_for

URL = "http://127.0.0.1:9"
TOKEN = "a-token"


@dataclass
class Hooked:
    """A store in ledger and sandbox: ``there`` are the hooks that the sandbox has, by scope."""

    hash: str
    pipeline: StoreSearch
    sandbox: SandboxServer

    @property
    def row(self) -> Store:
        return self.pipeline.stores.get(self.hash)

    @property
    def there(self) -> dict[str, Hook]:
        return {hook.scope: hook for hook in self.sandbox.sandbox.stores[self.hash].hooks.by_id.values()}

    def register(self, url: str = URL, **options: Any) -> hooks.HookChanges:
        return asyncio.run(hooks.register(self.pipeline, self.row, url, **options))

    def restore(self, **options: Any) -> hooks.HookChanges:
        return asyncio.run(hooks.restore(self.pipeline, self.row, **options))

    def remove(self, *url: str, **options: Any) -> hooks.HookChanges:
        return asyncio.run(hooks.remove(self.pipeline, self.row, *url, **options))


@pytest.fixture
def new_store(pipeline: StoreSearch, sandbox: SandboxServer) -> Iterator[Callable[[], Hooked]]:
    made: list[str] = []

    def make() -> Hooked:
        store_hash = f"t{secrets.token_hex(6)}"
        sandbox.admin.open_demo(store_hash, token=TOKEN)
        sandbox.admin.configure(store_hash, quota=100_000)
        pipeline.stores.save(store_hash, name="Shop", token=TOKEN)
        made.append(store_hash)
        return Hooked(store_hash, pipeline, sandbox)

    yield make
    for store_hash in made:
        sandbox.admin.close_store(store_hash)


@pytest.fixture
def store(new_store: Callable[[], Hooked]) -> Hooked:
    return new_store()


def test_every_scope_is_registered_once_for_each_channel_with_the_secret(store: Hooked):
    store.sandbox.sandbox.stores[store.hash].catalog.channels.put(channel(7, "Second"))
    planned = store.register(dry_run=True)
    assert (store.there, store.row.webhook_url, store.row.webhook_secret) == ({}, None, None)
    done = store.register(f"{URL}/")
    of_channels = [scope.format(channel=number) for number in (1, 7) for scope in CHANNEL_SCOPES]
    assert done == planned
    assert done.created == [*STORE_SCOPES, *of_channels] == list(store.there)
    secret = store.pipeline.stores.secret(store.row, "webhook_secret") or ""
    assert len(secret) >= 32
    for hook in store.there.values():
        assert hook.destination == f"{URL}/webhooks/bigcommerce/{store.hash}"
        assert hook.headers == {"X-Sync-Secret": secret}
    assert store.row.webhook_url == URL
    again = store.register()
    assert (again.created, again.repaired, len(again.unchanged)) == ([], [], len(store.there))


def test_inactive_hooks_and_those_with_another_secret_are_put_right_and_others_left(store: Hooked):
    store.register()
    before = {scope: hook.id for scope, hook in store.there.items()}
    store.there["store/product/updated"].is_active = False
    store.there["store/product/deleted"].headers = {"X-Sync-Secret": "old"}
    foreign = {"scope": "store/order/*", "destination": f"{URL}/other", "headers": None, "is_active": False}
    store.sandbox.sandbox.stores[store.hash].hooks.create(foreign, 0)
    assert store.register(dry_run=True).repaired == ["store/product/updated", "store/product/deleted"]
    assert not store.there["store/product/updated"].is_active
    assert store.register().repaired == ["store/product/updated", "store/product/deleted"]
    assert store.register().repaired == []
    there = store.there
    assert not there.pop("store/order/*").is_active
    assert {scope: hook.id for scope, hook in there.items()} == before


def test_a_new_address_takes_the_place_of_the_old(store: Hooked):
    store.register()
    moved = store.register("http://localhost:9/base")
    assert (len(moved.created), moved.removed) == (len(store.there), moved.created)
    places = {hook.destination for hook in store.sandbox.sandbox.stores[store.hash].hooks.by_id.values()}
    assert places == {f"http://localhost:9/base/webhooks/bigcommerce/{store.hash}"}
    assert store.row.webhook_url == "http://localhost:9/base"


def with_channel(store: Hooked, number: int) -> None:
    store.sandbox.sandbox.stores[store.hash].catalog.channels.put(channel(number, "Another"))


def without_channel(store: Hooked, number: int, *, status: str = "") -> list[str]:
    """Closes a channel, which is listed with a ``status`` or no more; the scopes of our hooks that it leaves."""
    channels = store.sandbox.sandbox.stores[store.hash].catalog.channels
    if status:
        channels.get(number)["status"] = status
    else:
        channels.remove(number)
    return [scope.format(channel=number) for scope in CHANNEL_SCOPES]


def foreign_hook(store: Hooked, scope: str, place: str) -> None:
    fields = {"scope": scope, "destination": place, "headers": None, "is_active": True}
    store.sandbox.sandbox.stores[store.hash].hooks.create(fields, 0)


@pytest.mark.parametrize(("checked", "status"), [(True, ""), (False, ""), (True, "deleted"), (False, "terminated")])
def test_our_hooks_of_a_channel_that_is_gone_are_removed_and_that_is_no_gap(store: Hooked, checked: bool, status: str):
    with_channel(store, 7)
    store.register()
    ours = f"{URL}/webhooks/bigcommerce/{store.hash}"
    foreign = ["store/channel/7/cart/created", "store/channel/7/page/updated"]
    foreign_hook(store, foreign[0], ours)  # none of the scopes that we register
    gone = without_channel(store, 7, status=status)
    planned = store.restore(dry_run=True) if checked else store.register(dry_run=True)
    assert planned.removed == gone
    assert gone[0] in store.there
    foreign_hook(store, foreign[1], f"{URL}/other")  # somebody else's
    done = store.restore() if checked else store.register()
    assert done == planned
    assert not done.has_gap
    assert [scope for scope in store.there if "/channel/7/" in scope] == foreign
    assert store.pipeline.ledger.list(scope=store_scope(store.hash)) == []
    assert (store.restore().removed, store.register().removed) == ([], [])


def test_the_daily_check_counts_what_it_removed(store: Hooked):
    with_channel(store, 7)
    store.register()
    gone = without_channel(store, 7)
    outcome = check_all_hooks(store.pipeline)[store.hash]
    kept = len(STORE_SCOPES) + len(CHANNEL_SCOPES)
    assert outcome == {"created": 0, "repaired": 0, "removed": len(gone), "unchanged": kept, "batch_id": None}


def test_an_address_that_moves_leaves_no_hook_of_a_channel_that_is_gone(store: Hooked):
    with_channel(store, 7)
    store.register()
    before = list(store.there)
    without_channel(store, 7)
    assert store.register("http://localhost:9").removed == before


def test_a_channel_that_is_only_archived_keeps_its_hooks(store: Hooked):
    with_channel(store, 7)
    store.register()
    without_channel(store, 7, status="archived")
    assert (store.restore().removed, store.register().removed) == ([], [])


@pytest.mark.invariant("4")
def test_a_listing_without_the_channel_that_every_store_has_removes_nothing(store: Hooked):
    with_channel(store, 7)
    store.register()
    before = list(store.there)
    store.sandbox.admin.inject(store.hash, FaultKind.EMPTY_LIST, path="*/v3/channels")
    assert (store.restore().removed, store.register().removed, list(store.there)) == ([], [], before)


@pytest.mark.invariant("4")
@pytest.mark.parametrize("told", ["7", "seven"])
def test_a_channel_that_cannot_be_understood_is_not_gone(store: Hooked, told: str):
    with_channel(store, 7)
    store.register()
    before = list(store.there)
    [_, second] = store.sandbox.sandbox.stores[store.hash].catalog.channels.all()
    second["id"], second["name"] = told, ["Another"]
    assert (store.restore().removed, list(store.there)) == ([], before)


def test_removing_takes_ours_only_and_forgets_the_address(store: Hooked):
    with pytest.raises(UsageError, match="has no webhooks registered"):
        store.remove()
    store.register()
    foreign = {"scope": "store/order/*", "destination": f"{URL}/other", "headers": None, "is_active": True}
    store.sandbox.sandbox.stores[store.hash].hooks.create(foreign, 0)
    count = len(store.there) - 1
    assert len(store.remove(dry_run=True).removed) == count == len(store.there) - 1
    assert len(store.remove().removed) == count
    assert (list(store.there), store.row.webhook_url) == (["store/order/*"], None)
    assert store.remove(URL).removed == []


def test_a_gap_is_put_right_and_made_good_by_one_full_batch_after_the_hooks_are_live(store: Hooked):
    assert store.restore() == hooks.HookChanges(store.hash, "")
    store.register()
    assert not store.restore().has_gap
    assert store.pipeline.ledger.list(scope=store_scope(store.hash)) == []
    for round_number in range(2):
        gone = store.there["store/sku/updated"]
        del store.sandbox.sandbox.stores[store.hash].hooks.by_id[gone.id]
        store.there["store/product/updated"].is_active = False
        planned = store.restore(dry_run=True)
        assert (planned.created, planned.repaired, planned.batch_id) == (
            ["store/sku/updated"],
            ["store/product/updated"],
            None,
        )
        done = store.restore()
        [batch] = store.pipeline.ledger.list(scope=store_scope(store.hash))
        assert done == replace(planned, batch_id=batch.id), round_number
        assert (batch.type, batch.mode, batch.trigger, batch.status) == ("all", "full", "webhook", Status.PENDING)
        assert batch.not_before == batch.requested_at + timedelta(minutes=2)
        assert not store.restore().has_gap


def test_a_waiting_batch_of_another_kind_does_not_close_a_gap(store: Hooked):
    store.register()
    store.pipeline.ledger.request(store_request(store.hash, BatchType.ALL, mode="incremental"))
    store.pipeline.ledger.request(store_request(store.hash, BatchType.PRODUCT))
    store.there["store/product/updated"].is_active = False
    batch = store.pipeline.ledger.get(store.restore().batch_id or 0)
    assert (batch.type, batch.mode) == ("all", "full")


@pytest.mark.invariant("6")
def test_a_store_that_cannot_be_checked_does_not_stop_the_others(new_store: Callable[[], Hooked]):
    stores = [new_store() for _ in range(4)]
    for store in stores[:3]:
        store.register()
        store.there["store/product/updated"].is_active = False
    refusing, gone, *_ = stores
    refusing.sandbox.admin.configure(refusing.hash, token="another")
    with gone.pipeline.ledger.session() as session:
        session.merge(gone.row).uninstalled_at = gone.pipeline.ledger.clock.now()
    outcomes = check_all_hooks(refusing.pipeline)
    assert set(outcomes) == {refusing.hash, stores[2].hash}
    assert "answered 401" in outcomes[refusing.hash]["error"]
    assert (outcomes[stores[2].hash]["repaired"], outcomes[stores[2].hash]["batch_id"]) == (1, 1)
    assert stores[2].there["store/product/updated"].is_active


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com",
        "https://hooks.example.com:8443",
        "https://user:pass@hooks.example.com",
        "https://hooks.example.com/?a=b",
        "https://",
        "hooks.example.com",
        "https://[::1",
        "http://127.0.0.1:9",
    ],
)
def test_with_the_real_bigcommerce_only_https_on_443_will_do(pipeline: StoreSearch, url: str):
    real = Settings.model_validate({**pipeline.settings.model_dump(), "bigcommerce_api_url": "https://api.example.com"})
    with pytest.raises(UsageError, match=r"443 only|is no URL"):
        hooks.destination(replace(pipeline, settings=real), "abc", url)
    for good in ("https://hooks.example.com", "https://hooks.example.com:443/base/"):
        assert hooks.destination(replace(pipeline, settings=real), "abc", good).endswith("/webhooks/bigcommerce/abc")


def test_what_is_registered_hears_of_an_edit(store: Hooked):
    with Receiver() as receiver:
        store.register(receiver.url)
        store.sandbox.admin.update(store.hash, "products", 101, {"name": "New"})
        wait_for(lambda: receiver.received, what="the event")
        [received] = receiver.received
        assert received.path == f"/webhooks/bigcommerce/{store.hash}"
        assert received.headers["x-sync-secret"] == store.pipeline.stores.webhook_secret(store.hash)
