"""Webhooks: what is taken, and how everything else is refused."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from sync_pipeline.api.bigcommerce.store_secrets import LOOKS
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.pipelines.store_search.stores.stores import Stores
from sync_pipeline_tests.api.bigcommerce.senders import SECRET, payload, send_at_once
from sync_pipeline_tests.api.conftest import rows, serving


def send(receiver: httpx.Client, store: str, content: Any, secret: str | None = SECRET, **headers: str):
    sent = headers if secret is None else {"X-Sync-Secret": secret, **headers}
    return receiver.post(f"/webhooks/bigcommerce/{store}", content=content, headers=sent)


def is_refused(answer: httpx.Response, status: int) -> str:
    """The detail of a problem document of that status; fails on any other answer."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail"} and problem["status"] == status
    assert SECRET not in answer.text
    return problem["detail"]


def test_an_event_is_stored_with_what_it_is_about(receiver: httpx.Client, store: str, ledger: Ledger):
    body = payload(store, 205)
    answer = send(receiver, store, body)
    assert (answer.status_code, answer.json()) == (200, {})
    (row,) = rows(ledger)
    assert row["store_hash"] == store
    assert (row["scope"], row["key"], row["hash"]) == (
        "store/product/updated",
        "product-205",
        json.loads(body)["hash"],
    )
    assert (row["payload"], row["received"], row["state"]) == (body.decode(), 1, "waiting")
    assert row["received_at"] == ledger.clock.now()


def test_the_versioned_path_takes_events_too_and_only_the_plain_one_is_documented(
    receiver: httpx.Client, store: str, ledger: Ledger
):
    path = f"/api/v1/webhooks/bigcommerce/{store}"
    assert receiver.post(path, content=payload(store), headers={"X-Sync-Secret": SECRET}).status_code == 200
    assert len(rows(ledger)) == 1
    assert receiver.get("/docs").status_code == 200
    schema = receiver.get("/openapi.json").json()
    assert set(schema["paths"]) == {"/webhooks/bigcommerce/{hash}", "/health/live", "/health/ready"}


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET[:-1], SECRET + "x", "gehe\u00efm"])
def test_a_forged_event_is_refused(receiver: httpx.Client, store: str, ledger: Ledger, secret: str | None):
    headers = [] if secret is None else [(b"X-Sync-Secret", secret.encode())]
    answer = receiver.post(f"/webhooks/bigcommerce/{store}", content=payload(store), headers=headers)
    is_refused(answer, 401)
    assert rows(ledger) == []


def test_a_store_without_a_secret_takes_nothing(receiver: httpx.Client, stores: Stores):
    stores.save("bare", name="Shop", token="t")
    for secret in (None, "", "None", SECRET):
        is_refused(send(receiver, "bare", payload("bare"), secret), 401)


@pytest.mark.parametrize("unknown", ["nope", "UPPER", "a" * 65, "%00", "a%2Fb", "..", "%C3%A9", "a;b"])
def test_an_unknown_store_is_refused(receiver: httpx.Client, store: str, unknown: str):
    is_refused(send(receiver, unknown, payload(unknown)), 404)


@pytest.fixture
def timeless(stores: Stores) -> Iterator[httpx.Client]:
    """A receiver whose budgets never fill again, however long the test takes."""
    with serving(stores, monotonic=lambda: 0.0) as client:
        yield client


def test_made_up_stores_ask_the_ledger_only_so_often(timeless: httpx.Client, store: str, ledger: Ledger):
    statuses = [send(timeless, f"made{number}up", b"").status_code for number in range(60)]
    assert statuses == [404] * int(LOOKS) + [503] * (60 - int(LOOKS))
    assert send(timeless, store, payload(store)).status_code == 503  # its own first look has no budget either
    assert rows(ledger) == []


def test_a_known_store_is_not_held_up_by_made_up_ones(timeless: httpx.Client, store: str):
    assert send(timeless, store, payload(store)).status_code == 200
    assert {send(timeless, f"made{number}up", b"").status_code for number in range(60)} == {404, 503}
    assert send(timeless, store, payload(store, 2)).status_code == 200


def test_a_changed_secret_holds_at_once(receiver: httpx.Client, store: str, stores: Stores):
    assert send(receiver, store, payload(store)).status_code == 200
    stores.remove(store)
    stores.save(store, name="Shop", token="t", webhook_secret="another")
    assert send(receiver, store, payload(store), "another").status_code == 200
    is_refused(send(receiver, store, payload(store)), 401)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_refused(receiver: httpx.Client, store: str, ledger: Ledger, chunked: bool):
    body = payload(store, filling="x" * 70_000)
    is_refused(send(receiver, store, iter([body[:1000], body[1000:]]) if chunked else body), 413)
    assert rows(ledger) == []
    assert send(receiver, store, payload(store, filling="x" * 60_000)).status_code == 200


def test_a_body_is_not_read_beyond_its_bound(receiver: httpx.Client, store: str):
    """Announced as larger than any memory: refused before a byte of it arrives."""
    with socket.create_connection((receiver.base_url.host, receiver.base_url.port or 0), timeout=30) as connection:
        head = f"POST /webhooks/bigcommerce/{store} HTTP/1.1\r\nHost: x\r\nX-Sync-Secret: {SECRET}\r\n"
        connection.sendall(f"{head}Content-Length: 999999999999\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "nonsense"])
def test_an_encoded_body_is_refused(receiver: httpx.Client, store: str, encoding: str):
    is_refused(send(receiver, store, payload(store), **{"Content-Encoding": encoding}), 415)
    assert send(receiver, store, payload(store), **{"Content-Encoding": "identity"}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"3",
        b"[" * 60_000,
        b'{"scope": "store/product/updated", "scope": NaN}',
        payload("abc123").replace(b"product", b"\xff"),
        payload("abc123").replace(b"product", b"\x00"),
        payload("abc123").decode().encode("utf-16"),
        payload("other"),
        payload("abc123", producer="abc123"),
        payload("abc123", producer=None),
        payload("abc123", scope="store/product/\x00"),
        payload("abc123", scope="store/product/\ud800"),
        payload("abc123", scope="store/product/" + "x" * 200),
        payload("abc123", scope=""),
        payload("abc123").replace(b'"store/product/updated"', b"12"),
        payload("abc123", data=None),
        payload("abc123", data="product"),
        b'{"data": {"id": 1}, "producer": "stores/abc123"}',
        b'{"scope": "store/product/updated", "producer": "stores/abc123"}',
    ],
)
def test_a_malformed_body_is_refused(receiver: httpx.Client, store: str, ledger: Ledger, body: bytes):
    is_refused(send(receiver, store, body), 400)
    assert rows(ledger) == []


@pytest.mark.parametrize("data", [{}, [], {"id": "12"}, {"id": 0}, {"id": True}, {"id": 1.5}, {"id": 2**63}])
def test_an_event_of_ours_without_a_usable_id_is_refused(receiver: httpx.Client, store: str, ledger: Ledger, data: Any):
    is_refused(send(receiver, store, payload(store, data=data)), 422)
    assert rows(ledger) == []


@pytest.mark.parametrize("scope", ["store/order/created", "store/product/metafield/updated", "unheard/of"])
def test_an_event_about_nothing_of_ours_is_acknowledged_and_not_stored(
    receiver: httpx.Client, store: str, ledger: Ledger, scope: str
):
    assert send(receiver, store, payload(store, scope=scope)).status_code == 200
    assert rows(ledger) == []


def test_other_paths_and_methods_are_problems_too(receiver: httpx.Client, store: str):
    is_refused(receiver.get("/nothing"), 404)
    is_refused(receiver.get(f"/webhooks/bigcommerce/{store}"), 405)


def test_a_replayed_event_is_counted(receiver: httpx.Client, store: str, ledger: Ledger):
    for _ in range(3):
        assert send(receiver, store, payload(store)).status_code == 200
    assert [row["received"] for row in rows(ledger)] == [3]


@pytest.mark.parametrize("sent", [None, "short", "x" * 40, 12])
def test_an_event_without_a_usable_hash_gets_that_of_its_body(
    receiver: httpx.Client, store: str, ledger: Ledger, sent: Any
):
    body = payload(store, hash=sent)
    for _ in range(2):
        assert send(receiver, store, body).status_code == 200
    (row,) = rows(ledger)
    assert (row["hash"], row["received"]) == (hashlib.sha1(body, usedforsecurity=False).hexdigest(), 2)


async def test_two_thousand_deliveries_of_one_event_at_once_are_one_row(
    receiver: httpx.Client, store: str, ledger: Ledger
):
    statuses = await send_at_once(str(receiver.base_url), store, [payload(store)] * 2000)
    assert statuses == [200] * 2000
    assert [row["received"] for row in rows(ledger)] == [2000]


@pytest.mark.invariant("1.1")
def test_a_delivery_after_the_claim_is_an_event_of_its_own(receiver: httpx.Client, store: str, ledger: Ledger):
    """A second edit within the same second has the same hash: the batch that claimed the first may not see it."""
    assert send(receiver, store, payload(store)).status_code == 200
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE sync_pipeline.webhook_events SET state = 'claimed', claimed_by = 'batch:1:1'"))
    for _ in range(2):
        assert send(receiver, store, payload(store)).status_code == 200
    assert [(row["state"], row["received"]) for row in rows(ledger)] == [("claimed", 1), ("waiting", 2)]


def test_a_store_that_was_removed_meanwhile_is_unknown(
    receiver: httpx.Client, store: str, stores: Stores, ledger: Ledger
):
    assert send(receiver, store, payload(store)).status_code == 200
    stores.remove(store)  # the receiver still has its secret in memory
    is_refused(send(receiver, store, payload(store, 2)), 404)
    assert rows(ledger) == []
