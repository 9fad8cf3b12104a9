from __future__ import annotations

import httpx
import pytest

from sync_pipeline.sandboxes.bigcommerce.store import READ_SCOPES, StoreStatus
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline_tests.sandboxes.bigcommerce.conftest import Shop

TYPE = "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes"
SCOPE_OF = {
    "/v3/catalog/products": "store_v2_products_read_only",
    "/v3/catalog/products/101": "store_v2_products_read_only",
    "/v3/catalog/trees": "store_v2_products_read_only",
    "/v3/content/pages": "store_v2_content_read_only",
    "/v2/blog/posts": "store_v2_content_read_only",
    "/v2/store": "store_v2_information_read_only",
    "/v3/channels": "store_channel_settings_read_only",
    "/v3/channels/1/site": "store_sites_read_only",
    "/v3/sites": "store_sites_read_only",
}


@pytest.mark.parametrize("path", ["/v3/catalog/products", "/v2/store", "/v3/content/pages", "/v3/nothing"])
@pytest.mark.parametrize("token", ["", "wrong", "small-token"])
def test_a_missing_or_wrong_token_is_401_in_one_shape(server: SandboxServer, demo: Shop, path: str, token: str) -> None:
    headers = {"X-Auth-Token": token, "Accept": "application/json"}
    response = httpx.get(f"{server.base_url}/stores/demo{path}", headers=headers)
    assert response.status_code == 401
    assert response.json()["title"].startswith("Unauthorized - ")
    assert {"status": 401, "type": TYPE}.items() <= response.json().items()


def test_a_store_that_is_not_served_is_401(server: SandboxServer) -> None:
    assert httpx.get(f"{server.base_url}/stores/other/v2/store").status_code == 401


def test_a_changed_token_locks_the_old_one_out(demo: Shop) -> None:
    demo.admin.configure("demo", token="second")
    assert demo.get("/v2/store").status_code == 401
    demo.http.headers["X-Auth-Token"] = "second"
    assert demo.get("/v2/store").status_code == 200


@pytest.mark.parametrize(("path", "scope"), SCOPE_OF.items())
def test_an_endpoint_without_its_scope_is_403(demo: Shop, path: str, scope: str) -> None:
    demo.admin.configure("demo", scopes=READ_SCOPES - {scope})
    response = demo.get(path)
    assert response.status_code == 403
    told = response.json()[0]["message"] if path.startswith("/v2") else response.json()["title"]
    assert told == "You don't have a required scope to access the endpoint"
    demo.admin.configure("demo", scopes=[scope.removesuffix("_read_only")])
    assert demo.get(path).status_code == 200


def test_the_clock_needs_no_scope(demo: Shop) -> None:
    demo.admin.configure("demo", scopes=[])
    assert isinstance(demo.data("/v2/time")["time"], int)


@pytest.mark.parametrize("path", ["/v3/catalog/products/999999", "/v3/catalog/products/999999/variants", "/v3/none"])
def test_what_is_not_there_is_404(demo: Shop, path: str) -> None:
    response = demo.get(path)
    assert response.status_code == 404
    assert response.json() == {"status": 404, "title": "The requested resource was not found.", "type": TYPE}


def test_v2_tells_404_as_a_list(demo: Shop) -> None:
    response = demo.get("/v2/blog/posts/999")
    assert response.status_code == 404
    assert response.json() == [{"status": 404, "message": "The requested resource was not found."}]


def test_a_suspended_store_is_503_and_an_uninstalled_one_401(demo: Shop) -> None:
    demo.admin.configure("demo", status=StoreStatus.SUSPENDED)
    assert [demo.get(path).status_code for path in ("/v2/store", "/v3/catalog/products")] == [503, 503]
    demo.admin.configure("demo", status=StoreStatus.UNINSTALLED)
    assert demo.get("/v3/catalog/products").status_code == 401
    demo.admin.configure("demo", status=StoreStatus.LIVE)
    assert demo.get("/v3/catalog/products").status_code == 200


def test_v2_is_xml_unless_json_is_asked_for(demo: Shop) -> None:
    for accept in ("*/*", "application/xml"):
        demo.http.headers["Accept"] = accept
        response = demo.get("/v2/store")
        assert response.headers["content-type"] == "application/xml"
        assert response.text.startswith("<?xml")
        assert "<name>Harbour &amp; Pine</name>" in response.text
        assert demo.get("/v3/channels").json()["data"][0]["id"] == 1
    assert demo.get("/v2/blog/posts", limit=251).text.count("<max_limit>250</max_limit>") == 1


def test_stores_of_one_server_are_strangers(demo: Shop, small: Shop) -> None:
    demo.admin.delete("demo", "products", 101)
    demo.admin.configure("demo", quota=3)
    assert small.data("/v3/catalog/products/101")["id"] == 101
    assert [view.hash for view in demo.admin.stores() if view.quota == 3] == ["demo"]


def test_a_closed_store_is_gone_and_the_admin_says_so(server: SandboxServer) -> None:
    server.admin.open_demo("brief")
    assert "brief" in server.admin.health()
    server.admin.close_store("brief")
    assert "brief" not in server.admin.health()
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        server.admin.counters("brief")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/faults", {"kind": "no such kind"}),
        ("/faults", {"kind": "500", "speed": 3}),
        ("/other-apps", {}),
    ],
)
def test_the_control_api_refuses_what_it_does_not_know(
    server: SandboxServer, demo: Shop, path: str, body: dict[str, object]
) -> None:
    response = httpx.post(f"{server.base_url}/_sandbox/stores/{demo.hash}{path}", json=body)
    assert response.status_code == 400
    assert response.json()["error"]
