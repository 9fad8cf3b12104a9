from __future__ import annotations

from pathlib import Path

import httpx
import msgspec
import pytest

from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline_tests.real_shop import real_shop


def test_a_store_in_a_folder_is_served_as_it_is_written(server: SandboxServer) -> None:
    folder = real_shop()
    view = server.admin.open_folder(folder, token="t")
    assert (view.hash, view.products) == ("venia01", 85)
    headers = {"X-Auth-Token": "t", "Accept": "application/json"}
    written = {file.stem: msgspec.json.decode(file.read_bytes()) for file in folder.glob("*.json")}
    with httpx.Client(base_url=f"{server.base_url}/stores/venia01", headers=headers) as http:
        parts = "bulk_pricing_rules,channels,custom_fields,images,variants,videos"
        products = http.get("/v3/catalog/products", params={"limit": 250, "include": parts}).json()["data"]
        assert products == sorted(written["products"], key=lambda product: product["id"])
        assert http.get("/v3/catalog/variants").json()["meta"]["pagination"]["total"] == 1105
        assert http.get("/v3/catalog/trees/categories").json()["data"] == written["categories"]
        assert http.get("/v3/catalog/brands").json()["data"] == written["brands"]
        assert http.get("/v3/content/pages", params={"include": "body"}).json()["data"] == written["pages"]
        assert {p["id"] for p in http.get("/v2/blog/posts").json()} == {p["id"] for p in written["blog_posts"]}
        assert http.get("/v2/store").json() == written["store"]
        assert http.get("/v3/channels/1/site").json()["data"]["url"] == "https://venia.example.com"
        server.admin.update("venia01", "products", 1, {"name": "Changed"})
        assert http.get("/v3/catalog/products/1").json()["data"]["name"] == "Changed"


def test_a_folder_that_is_no_store_is_refused_by_file(server: SandboxServer, tmp_path: Path) -> None:
    with pytest.raises(httpx.HTTPStatusError) as refused:
        server.admin.open_folder(tmp_path)
    assert refused.value.response.json() == {"error": f"{tmp_path / 'store.json'} is not there"}
