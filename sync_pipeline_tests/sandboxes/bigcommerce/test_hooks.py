"""`/v3/hooks`: made, listed, changed, deleted, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.sandboxes.bigcommerce.hooks import MOST_OF_ONE_SCOPE
from sync_pipeline_tests.sandboxes.bigcommerce.conftest import Shop

PATH = "/v3/hooks"
ORDER = {
    "scope": "store/product/updated",
    "destination": "http://127.0.0.1:9/webhooks",
    "is_active": True,
    "headers": {"X-Sync-Secret": "s3"},
}


def made(shop: Shop, **fields: Any) -> dict[str, Any]:
    response = shop.http.post(PATH, json={**ORDER, **fields})
    assert response.status_code == 200, response.text
    return response.json()["data"]


def test_a_hook_is_made_listed_changed_and_deleted(demo: Shop):
    hook = made(demo)
    assert hook == {
        **ORDER,
        "id": 1,
        "client_id": "sandbox",
        "store_hash": "demo",
        "created_at": hook["created_at"],
        "updated_at": hook["created_at"],
    }
    other = made(demo, scope="store/sku/*", headers=None)
    assert (demo.data(PATH), demo.total(PATH)) == ([hook, other], 2)
    assert demo.data(PATH, limit=1, page=2) == [other]
    assert demo.data(f"{PATH}/1") == hook
    demo.admin.advance_clock(5)
    changed = demo.http.put(f"{PATH}/1", json={"is_active": False, "headers": {"X-Sync-Secret": "new"}}).json()["data"]
    later = {"is_active": False, "headers": {"X-Sync-Secret": "new"}, "updated_at": hook["created_at"] + 5}
    assert changed == {**hook, **later} == demo.data(f"{PATH}/1")
    assert demo.data(PATH, is_active="false") == [changed]
    assert demo.data(PATH, scope="store/sku/*") == [other]
    assert demo.http.delete(f"{PATH}/1").json()["data"]["id"] == 1
    assert demo.get(f"{PATH}/1").status_code == 404
    assert demo.http.delete(f"{PATH}/1").status_code == 404
    assert made(demo)["id"] == 3


def test_a_hook_is_there_once_and_not_more_than_ten_of_a_scope(demo: Shop):
    made(demo)
    assert demo.http.post(PATH, json=ORDER).status_code == 409
    others = [made(demo, destination=f"http://localhost/{number}") for number in range(1, MOST_OF_ONE_SCOPE)]
    assert demo.http.post(PATH, json={**ORDER, "destination": "http://localhost/x"}).status_code == 422
    taken = {"destination": ORDER["destination"]}
    assert demo.http.put(f"{PATH}/{others[0]['id']}", json=taken).status_code == 409
    assert demo.data(f"{PATH}/{others[0]['id']}")["destination"] == "http://localhost/1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"destination": "https://example.com/webhooks"},
        {"destination": "https://10.0.0.1/"},
        {"destination": "ftp://127.0.0.1/"},
        {"destination": "nonsense"},
        {"destination": "http://[::1"},
        {"scope": "product/updated"},
        {"scope": ""},
        {"headers": {"X": 1}},
        {"is_active": "yes"},
    ],
)
def test_what_cannot_be_a_hook_is_refused(demo: Shop, wrong: dict[str, Any]):
    response = demo.http.post(PATH, json={**ORDER, **wrong})
    assert response.status_code == 422
    assert response.json()["errors"]
    assert demo.http.post(PATH, content=b"{").status_code == 422
    assert demo.data(PATH) == []


def test_uninstalling_the_app_deletes_the_hooks(demo: Shop):
    made(demo)
    demo.admin.configure("demo", status="uninstalled")  # pyright: ignore[reportArgumentType]
    assert demo.get(PATH).status_code == 401
    demo.admin.configure("demo", status="live")  # pyright: ignore[reportArgumentType]
    assert demo.data(PATH) == []
