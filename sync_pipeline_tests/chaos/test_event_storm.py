"""Edits told by webhooks that are lost, repeated and overtaken, while rebuilds run and drains are killed."""

from __future__ import annotations

import asyncio
import random
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest

from sync_pipeline.batches.lanes import Lane, LaneBusyError
from sync_pipeline.batches.parts import Run, batch_part
from sync_pipeline.batches.queue import reap
from sync_pipeline.connectors.bigcommerce.hooks import HookOrder, Hooks
from sync_pipeline.delivery.books import balances
from sync_pipeline.delivery.preview import changed_fields
from sync_pipeline.pipelines.store_search import sync
from sync_pipeline.pipelines.store_search.events.claims import EventClaims
from sync_pipeline.pipelines.store_search.events.scopes import CHANNEL_SCOPES, STORE_SCOPES
from sync_pipeline.pipelines.store_search.requests import events_request
from sync_pipeline.pipelines.store_search.stores.stores import store_scope
from sync_pipeline.pipelines.store_search.types import EVENTS, IMPORTS
from sync_pipeline.sandboxes.bigcommerce.event_messages import EventSettings
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.api.conftest import serving
from sync_pipeline_tests.chaos.after_kills import told
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.events.told_events import drain, states
from sync_pipeline_tests.pipelines.store_search.verifying import differences, verify
from sync_pipeline_tests.pipelines.store_search.words.words_at_work import searching
from sync_pipeline_tests.schedules import schedules
from sync_pipeline_tests.waiting import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.real_elasticsearch]

SCHEDULES = schedules(2)
EDITS = 120
SECRET = "the-storm's-secret"


class KilledError(BaseException):
    """The process of the drain is no more."""


@pytest.fixture
def receiver(shop: Shop) -> Iterator[httpx.Client]:
    """The receiver on the shop's ledger, with hooks for all that the project registers."""
    with serving(shop.pipeline.stores) as client:
        yield client


def register(shop: Shop, receiver: httpx.Client) -> None:
    """Hooks of the shop, as `webhooks register` makes them."""
    stores = shop.pipeline.stores
    with stores.ledger.session() as session:
        session.merge(stores.get(shop.hash)).webhook_secret = stores._seal(shop.hash, "webhook_secret", SECRET)
    channels = [channel["id"] for channel in shop.records("channels")]
    scopes = [*STORE_SCOPES, *(scope.format(channel=number) for scope in CHANNEL_SCOPES for number in channels)]
    url = f"{str(receiver.base_url).rstrip('/')}/webhooks/bigcommerce/{shop.hash}"

    async def make() -> None:
        async with shop.pipeline.catalog(stores.get(shop.hash)) as catalog:
            hooks = Hooks(catalog._client)
            for scope in scopes:
                await hooks.create(HookOrder(scope, url, {"X-Sync-Secret": SECRET}))

    asyncio.run(make())


def edit(shop: Shop, dice: random.Random, number: int, *, variants: bool = True) -> None:
    """One random edit of a kind that webhooks tell of."""
    admin, products = shop.sandbox.admin, shop.ids("products")
    categories = shop.ids("categories")
    kinds = ["update", "update", "update", "create", "delete", "hide", "variant", "category", "page", "shelve", "sell"]
    match dice.choice([kind for kind in kinds if variants or kind != "variant"]):
        case "update":
            body = {"name": f"Edited {number}", "price": number, "brand_id": dice.choice([0, *shop.ids("brands")])}
            admin.update(shop.hash, "products", dice.choice(products), body)
        case "create":
            admin.create(shop.hash, "products", {"name": f"Made {number}", "categories": [dice.choice(categories)]})
        case "delete" if len(products) > 30:
            admin.delete(shop.hash, "products", dice.choice(products))
        case "hide":
            admin.update(shop.hash, "products", dice.choice(products), {"is_visible": dice.random() < 0.5})
        case "variant":
            admin.create_variant(shop.hash, dice.choice(products), {"sku": f"V-{number}", "price": number})
        case "category":
            admin.update(shop.hash, "categories", dice.choice(categories), {"name": f"Shelf {number}"})
        case "shelve":
            shelves = dice.sample(categories, dice.randrange(3))
            admin.update(shop.hash, "products", dice.choice(products), {"categories": shelves})
        case "sell":
            admin.update(shop.hash, "products", dice.choice(products), {"channels": dice.choice([[], [1], [1, 2]])})
        case "page":
            admin.update(shop.hash, "pages", dice.choice(shop.ids("pages")), {"name": f"Page {number}"})


@contextmanager
def draining(shop: Shop, dice: random.Random) -> Iterator[None]:
    """Drains, one after the other, some of which are killed before they acknowledge."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            killed_drain(shop) if dice.random() < 0.3 else drain(shop)

    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(work)
        try:
            yield
        finally:
            over.set()
        working.result()


def killed_drain(shop: Shop) -> None:
    """A drain that writes and dies before it acknowledges; nobody closes its batch until its lease is over."""
    ledger = shop.pipeline.ledger
    run_id = secrets.token_hex(8)
    run = Run(run_id, (EVENTS,), replace(events_request(shop.hash), reserved_for=run_id))

    def die(*_: object) -> None:
        raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        for name in ("end", "release_claims"):
            patch.setattr(EventClaims, name, die)
        try:
            with batch_part(ledger, run) as part:
                asyncio.run(sync.drain_events(shop.pipeline, part, linger=0))
        except KilledError:
            pass


def wait_until_quiet(shop: Shop) -> None:
    """Until every webhook was sent that will be."""
    wait_for(lambda: shop.sandbox.admin.events(shop.hash).is_quiet, what="the last webhook")


def in_step(shop: Shop) -> None:
    """The index is what a rebuild makes of the shop."""
    shop.refresh()
    found = shop.documents()
    rebuilt = shop.run_plain(confirm_deletes=True)
    wanted = shop.documents()
    assert found.keys() == wanted.keys()
    # An edit that changes nothing is dated, but no webhook tells of it.
    differing = {key: changed_fields(found[key], wanted[key]).keys() - {"date_modified"} for key in wanted}
    assert {key: names for key, names in differing.items() if names} == {}
    assert all(balances(rebuilt.counts[part]) for part in IMPORTS)


@pytest.mark.invariant("1.1", "1.5", "2.5", "2.9")
def test_whatever_becomes_of_webhooks_and_drains_the_index_ends_as_the_shop_is(new_shop, receiver: httpx.Client):
    for seed in range(SCHEDULES):
        dice = random.Random(seed)
        shop: Shop = new_shop()
        shop.run_plain()
        register(shop, receiver)
        mischief = EventSettings(
            duplicated=0.2, dropped=0.05, delayed=0.2, delay_seconds=0.2, seed=seed, workers=4, retry_factor=0.0
        )
        shop.sandbox.admin.configure_events(shop.hash, mischief)
        with told(str(seed)), draining(shop, dice), searching(shop, "sofa"):
            for number in range(EDITS):
                # A new variant does not date its product: when its webhook is dropped, only a full batch sees it.
                edit(shop, dice, number, variants=number <= 2 * EDITS // 3)
                if number in {EDITS // 3, 2 * EDITS // 3}:
                    shop.run_plain(mode="full", confirm_deletes=True)
            wait_until_quiet(shop)
        with told(str(seed)):
            pass_time(shop.pipeline.ledger, 60)
            reap(shop.pipeline.ledger)
            drain(shop)
            assert set(states(shop).values()) <= {"done", "coalesced"}
            shop.run_plain(mode="incremental", confirm_deletes=True)
            found = verify(shop)
            assert differences(found) == {}, [one.sample for one in found.values()]
            in_step(shop)


@pytest.mark.invariant("1.1", "2.5")
def test_with_every_webhook_delivered_the_index_needs_no_batch_at_all(shop: Shop, receiver: httpx.Client):
    dice = random.Random(7)
    shop.run_plain()
    register(shop, receiver)
    with draining(shop, random.Random(8)):
        for number in range(EDITS):
            edit(shop, dice, number)
        wait_until_quiet(shop)
    drain(shop)
    assert shop.sandbox.admin.events(shop.hash).failed == 0
    in_step(shop)


def test_two_drains_at_once_are_not_possible(shop: Shop):
    ledger = shop.pipeline.ledger
    run = Run("first", (EVENTS,), replace(events_request(shop.hash), reserved_for="first"))
    second = Run("second", (EVENTS,), replace(events_request(shop.hash), reserved_for="second"))
    with batch_part(ledger, run) as part:
        assert isinstance(part.lane, Lane) and part.lane.scope == store_scope(shop.hash)
        with pytest.raises(LaneBusyError), batch_part(ledger, second, lane_wait=-part.ledger.clock.now().resolution):
            pytest.fail("two drains at once")
        part.record(EVENTS, {})
