"""What is sent to a hook for each kind of edit, and how: payloads, order, mischief, retries, the blocklist."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from sync_pipeline.sandboxes.bigcommerce.blocklist import BLOCKED_SECONDS
from sync_pipeline.sandboxes.bigcommerce.event_messages import EventSettings, EventsView
from sync_pipeline.sandboxes.bigcommerce.outbox import RETRY_SECONDS
from sync_pipeline.sandboxes.bigcommerce.store import StoreStatus
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline.sandboxes.kit.clock import Clock
from sync_pipeline_tests.sandboxes.bigcommerce.conftest import Shop
from sync_pipeline_tests.sandboxes.bigcommerce.receiver import Receiver
from sync_pipeline_tests.waiting import wait_for

ALL_SCOPES = (
    "store/product/*",
    "store/sku/*",
    "store/category/*",
    "store/channel/*",
    "store/information/*",
    "store/app/*",
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def subscribe(shop: Shop, receiver: Receiver, *scopes: str, **fields: Any) -> list[int]:
    bodies = [{"scope": scope, "destination": f"{receiver.url}/hook", **fields} for scope in scopes or ALL_SCOPES]
    return [shop.http.post("/v3/hooks", json=body).json()["data"]["id"] for body in bodies]


def sent(shop: Shop) -> EventsView:
    """The counts, once everything was attempted."""

    def idle() -> EventsView | None:
        view = shop.admin.events(shop.hash)
        return view if view.queued == 0 else None

    return wait_for(idle, what="every event to be sent")


def told(shop: Shop, receiver: Receiver) -> list[tuple[str, Any]]:
    """Scope and data of what came since the last look."""
    sent(shop)
    found = [(event["scope"], event["data"]) for event in receiver.events]
    receiver.received.clear()
    return found


def test_an_event_has_bigcommerces_envelope_and_the_hooks_headers(demo: Shop, receiver: Receiver):
    subscribe(demo, receiver, "store/product/updated", headers={"X-Sync-Secret": "s3"})
    demo.admin.update("demo", "products", 101, {"name": "New"})
    sent(demo)
    [received] = receiver.received
    event = received.event
    digest = event.pop("hash")
    assert event == {
        "scope": "store/product/updated",
        "store_id": "1",
        "data": {"type": "product", "id": 101},
        "created_at": demo.data("/v2/time")["time"],
        "producer": "stores/demo",
    }
    assert digest == hashlib.sha1(json.dumps(event, separators=(",", ":")).encode(), usedforsecurity=False).hexdigest()
    assert (received.path, received.headers["x-sync-secret"]) == ("/hook", "s3")
    assert "webhook-signature" not in received.headers


def test_products_are_told_of(demo: Shop, receiver: Receiver):
    subscribe(demo, receiver)
    number = demo.admin.create("demo", "products", {"name": "A", "inventory_level": 2})["id"]
    one = {"type": "product", "id": number}
    assert told(demo, receiver) == [
        ("store/product/created", one),
        ("store/channel/1/product/assigned", {"product_id": number}),
    ]
    demo.admin.update("demo", "products", number, {"inventory_level": 7, "name": "A"})
    stock = {"product_id": number, "method": "absolute", "value": 5}
    assert told(demo, receiver) == [
        ("store/product/updated", one),
        ("store/product/inventory/updated", {**one, "inventory": stock}),
    ]
    demo.admin.update("demo", "products", number, {"channels": [2]})
    assert told(demo, receiver) == [
        ("store/channel/1/product/unassigned", {"product_id": number}),
        ("store/channel/2/product/assigned", {"product_id": number}),
    ]
    demo.admin.update("demo", "products", number, {"mpn": "x", "gtin": "y", "custom_fields": [{"name": "a"}]})
    demo.admin.update("demo", "products", number, {"name": "A"})
    assert told(demo, receiver) == []
    demo.admin.delete("demo", "products", number)
    assert told(demo, receiver) == [("store/product/deleted", one)]


def test_a_product_that_changes_categories_is_told_of_to_the_channels_that_show_them(demo: Shop, receiver: Receiver):
    subscribe(demo, receiver, "store/channel/*")
    second = demo.admin.create("demo", "trees", {"name": "Second", "channels": [2, 3]})["id"]
    there = demo.admin.create("demo", "categories", {"name": "There", "tree_id": second})["category_id"]
    number = demo.admin.create("demo", "products", {"name": "A", "categories": [11, there]})["id"]
    told(demo, receiver)
    one = {"product_id": number}
    demo.admin.update("demo", "products", number, {"categories": [12, there]})
    verbs = ("unassigned", "assigned")
    assert told(demo, receiver) == [(f"store/channel/1/category/product/{verb}", one) for verb in verbs]
    demo.admin.update("demo", "products", number, {"categories": [12], "name": "B"})
    of_both = [(f"store/channel/{channel}/category/product/unassigned", one) for channel in (2, 3)]
    assert told(demo, receiver) == of_both
    demo.admin.create("demo", "products", {"name": "C", "categories": [11], "channels": []})
    assert [scope for scope, _ in told(demo, receiver)] == ["store/channel/1/category/product/assigned"]


def test_sites_and_category_trees_are_told_of_to_their_channels(demo: Shop, receiver: Receiver):
    subscribe(demo, receiver)
    demo.admin.update("demo", "sites", 1000, {"url": "https://moved.example.com"})
    moved = demo.data("/v3/channels/1/site")
    assert {url["url"] for url in moved["urls"]} == {moved["url"]} == {"https://moved.example.com"}
    demo.admin.update("demo", "sites", 1000, {"url": "https://moved.example.com"})
    made = demo.admin.create("demo", "sites", {"channel_id": 4, "url": "https://fourth.example.com"})["id"]
    demo.admin.update("demo", "sites", made, {"channel_id": 5})
    demo.admin.delete("demo", "sites", made)
    channels = {1000: [1], made: [4, 4, 5, 5]}
    assert told(demo, receiver) == [
        (f"store/channel/{channel}/settings/site/updated", {"site_id": number})
        for number in channels
        for channel in channels[number]
    ]
    tree = demo.admin.create("demo", "trees", {"name": "Second", "channels": [2]})["id"]
    demo.admin.update("demo", "trees", tree, {"channels": [3]})
    demo.admin.update("demo", "trees", tree, {"channels": [3]})
    child = demo.admin.create("demo", "categories", {"name": "There", "tree_id": tree})["category_id"]
    demo.admin.update("demo", "products", 101, {"categories": [11, child]})
    told_of_tree = [one for one in told(demo, receiver) if "categoryTree" in one[0]]
    assert told_of_tree == [(f"store/channel/{number}/categoryTree/updated", {"tree_id": tree}) for number in (2, 2, 3)]
    demo.admin.delete("demo", "trees", tree)
    assert told(demo, receiver) == [("store/channel/3/categoryTree/updated", {"tree_id": tree})]
    assert demo.data("/v3/catalog/products/101")["categories"] == [11]
    assert demo.data("/v3/catalog/trees/categories", tree_id__in=tree) == []


def test_variants_are_told_of_as_skus(demo: Shop, receiver: Receiver):
    subscribe(demo, receiver)
    variant = demo.admin.create_variant("demo", 101, {"sku": "X", "sku_id": 77})["id"]
    part = {"type": "sku", "id": 77, "sku": {"product_id": 101, "variant_id": variant}}
    assert told(demo, receiver) == [("store/sku/created", part)]
    demo.admin.update_variant("demo", 101, variant, {"price": 3})
    assert told(demo, receiver) == [("store/sku/updated", part)]
    demo.admin.update_variant("demo", 101, variant, {"inventory_level": 4})
    stock = {"product_id": 101, "method": "absolute", "value": 4, "variant_id": variant}
    inventory = {"type": "sku", "id": 77, "inventory": stock}
    assert told(demo, receiver) == [("store/sku/updated", part), ("store/sku/inventory/updated", inventory)]
    demo.admin.delete_variant("demo", 101, variant)
    assert told(demo, receiver) == [("store/sku/deleted", part)]


def test_categories_are_told_of_each_that_a_delete_takes_along_too(demo: Shop, receiver: Receiver):
    subscribe(demo, receiver)
    [phones] = demo.data("/v3/catalog/trees/categories", name="Phones")
    above = phones["category_id"]
    below = demo.admin.create("demo", "categories", {"name": "Old", "parent_id": above})["category_id"]
    demo.admin.update("demo", "categories", below, {"is_visible": False})
    of = [("store/category/created", below), ("store/category/updated", below)]
    assert told(demo, receiver) == [(scope, {"type": "category", "id": number}) for scope, number in of]
    demo.admin.delete("demo", "categories", above)
    gone = told(demo, receiver)
    assert {scope for scope, _ in gone} == {"store/category/deleted"}
    assert {above, below} <= {data["id"] for _, data in gone}


def test_of_pages_only_new_and_changed_ones_of_brands_and_posts_nothing_is_told(demo: Shop, receiver: Receiver):
    subscribe(demo, receiver)
    page = demo.admin.create("demo", "pages", {"name": "P", "channel_id": 3})["id"]
    demo.admin.update("demo", "pages", page, {"name": "Q"})
    demo.admin.delete("demo", "pages", page)
    brand = demo.admin.create("demo", "brands", {"name": "B"})["id"]
    demo.admin.update("demo", "brands", brand, {"name": "C"})
    demo.admin.delete("demo", "brands", brand)
    demo.admin.delete("demo", "posts", demo.admin.create("demo", "posts", {"title": "T"})["id"])
    scopes = ("store/channel/3/page/created", "store/channel/3/page/updated")
    assert told(demo, receiver) == [(scope, {"page_id": page}) for scope in scopes]
    assert demo.admin.events("demo").events == 2


def test_the_stores_own_facts_and_its_leaving_are_told(demo: Shop, receiver: Receiver):
    subscribe(demo, receiver)
    demo.admin.change_info("demo", currency="EUR")
    assert demo.data("/v2/store")["currency"] == "EUR"
    assert told(demo, receiver) == [("store/information/updated", {"type": "store"})]
    demo.admin.configure("demo", status=StoreStatus.UNINSTALLED)
    assert [scope for scope, _ in told(demo, receiver)] == ["store/app/uninstalled"]


def test_events_go_in_order_on_one_connection_to_active_hooks_of_their_scope_only(demo: Shop, receiver: Receiver):
    mine, other = subscribe(demo, receiver, "store/product/*", "store/product/updated")
    demo.http.put(f"/v3/hooks/{other}", json={"is_active": False})
    demo.http.put(f"/v3/hooks/{mine}", json={"destination": f"{receiver.url}/mine?x=1"})
    for number in range(101, 111):
        demo.admin.update("demo", "products", number, {"name": "New"})
    view = sent(demo)
    assert [event["data"]["id"] for event in receiver.events] == list(range(101, 111))
    assert {received.path for received in receiver.received} == {"/mine?x=1"}
    assert receiver.connections == 1
    assert (view.events, view.deliveries, view.sent, view.delivered, view.is_quiet) == (10, 10, 10, 10, True)
    demo.admin.reset_events("demo")
    assert demo.admin.events("demo").sent == 0


def test_mischief_drops_doubles_and_reorders_alike_from_the_same_seed(demo: Shop, receiver: Receiver):
    subscribe(demo, receiver, "store/product/updated")
    mischief = EventSettings(duplicated=0.3, dropped=0.3, delayed=0.3, delay_seconds=0.2, seed=7)
    runs = []
    for run in range(2):
        demo.admin.reset_events("demo")
        demo.admin.configure_events("demo", mischief)
        for number in range(101, 131):
            demo.admin.update("demo", "products", number, {"name": f"New {run}"})
        view = sent(demo)
        runs.append([event["data"]["id"] for event in receiver.events])
        assert view.dropped
        assert view.duplicated
        assert view.delayed
        assert view.delivered == len(receiver.received) == view.deliveries - view.dropped + view.duplicated
        receiver.received.clear()
    assert sorted(runs[0]) == sorted(runs[1]) != runs[0]


def test_a_failed_delivery_is_tried_again_by_the_clock_until_the_hook_becomes_inactive(demo: Shop):
    with Receiver(status=lambda _: 500) as receiver:
        [hook] = subscribe(demo, receiver, "store/product/*")
        demo.admin.update("demo", "products", 101, {"name": "New"})
        for number, seconds in enumerate(RETRY_SECONDS, start=1):
            wait_for(lambda number=number: len(receiver.received) == number, what=f"attempt {number}")
            wait_for(lambda: demo.admin.events("demo").retrying, what="the retry")
            demo.admin.advance_clock(seconds - 1)
            assert demo.admin.events("demo").retrying == 1
            demo.admin.advance_clock(1)
        wait_for(lambda: demo.admin.events("demo").given_up, what="the end of the retries")
        assert len({received.body for received in receiver.received}) == 1
        assert demo.admin.events("demo").failed == len(RETRY_SECONDS) + 1
        assert demo.data(f"/v3/hooks/{hook}")["is_active"] is False
        demo.admin.update("demo", "products", 101, {"name": "Newer"})
        assert demo.admin.events("demo").deliveries == 1


def test_with_a_factor_retries_come_soon(demo: Shop, receiver: Receiver):
    subscribe(demo, receiver)
    demo.admin.configure_events("demo", EventSettings(retry_factor=0.0))
    receiver.status = lambda number: 503 if number < 3 else 200
    demo.admin.update("demo", "products", 101, {"name": "New"})
    wait_for(lambda: demo.admin.events("demo").delivered, what="the delivery")
    view = demo.admin.events("demo")
    assert (view.sent, view.failed, view.is_quiet) == (4, 3, True)


def test_a_receiver_that_does_not_answer_in_time_fails_the_delivery_and_delays_no_edit(demo: Shop):
    released = threading.Event()

    def late(_: int) -> int:
        released.wait(20)
        return 200

    with Receiver(status=late) as receiver:
        subscribe(demo, receiver, "store/product/*")
        demo.admin.configure_events("demo", EventSettings(timeout_seconds=0.3))
        demo.admin.update("demo", "products", 101, {"name": "New"})
        assert demo.admin.events("demo").queued == 1
        view = sent(demo)
        released.set()
    assert (view.failed, view.retrying) == (1, 1)


def test_a_receiver_that_is_away_gets_its_events_later(demo: Shop, unused_port: int):
    order = {"scope": "store/product/*", "destination": f"http://127.0.0.1:{unused_port}/"}
    demo.http.post("/v3/hooks", json=order)
    demo.admin.update("demo", "products", 101, {"name": "New"})
    assert (sent(demo).failed, sent(demo).retrying) == (1, 1)


def test_a_domain_that_fails_too_often_is_blocked_for_a_while(demo: Shop, receiver: Receiver):
    subscribe(demo, receiver, "store/product/*")
    receiver.status = lambda number: 500 if number % 5 == 0 else 200
    for number in range(100):
        demo.admin.update("demo", "products", 101, {"name": f"New {number}"})
    view = sent(demo)
    assert (view.sent, view.failed, view.retrying) == (100, 20, 20)
    assert view.blocked_domains == [receiver.url.removeprefix("http://")]
    demo.admin.update("demo", "products", 101, {"name": "held back"})
    assert (sent(demo).sent, sent(demo).held_back, sent(demo).retrying) == (100, 1, 21)
    receiver.status = lambda _: 200
    demo.admin.advance_clock(BLOCKED_SECONDS)
    wait_for(lambda: demo.admin.events("demo").is_quiet, what="the held back events")
    view = demo.admin.events("demo")
    assert (view.delivered, view.blocked_domains) == (101, [])


def test_a_deleted_hook_gets_nothing_more(demo: Shop):
    with Receiver(status=lambda _: 500) as receiver:
        [hook] = subscribe(demo, receiver, "store/product/*")
        demo.admin.update("demo", "products", 101, {"name": "New"})
        wait_for(lambda: demo.admin.events("demo").retrying, what="the retry")
        demo.http.delete(f"/v3/hooks/{hook}")
        demo.admin.advance_clock(RETRY_SECONDS[0])
        wait_for(lambda: demo.admin.events("demo").discarded, what="the retry to be discarded")
        assert len(receiver.received) == 1


def test_with_a_client_secret_events_are_signed(receiver: Receiver):
    with SandboxServer(clock=Clock()) as server:
        server.admin.open_demo()
        server.admin.configure("demo", client_secret="shh")
        server.sandbox.stores["demo"].hooks.create(
            {"scope": "store/product/*", "destination": receiver.url, "headers": None, "is_active": True}, 0
        )
        server.admin.update("demo", "products", 101, {"name": "New"})
        wait_for(lambda: server.admin.events("demo").delivered, what="the event")
    [received] = receiver.received
    assert Webhook("c2ho").verify(received.body, received.headers) == received.event


@pytest.mark.parametrize("wrong", [EventSettings(dropped=1.5), EventSettings(delayed=-1), EventSettings(workers=0)])
def test_mischief_that_cannot_be_is_refused(demo: Shop, wrong: EventSettings):
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        demo.admin.configure_events("demo", wrong)
