from __future__ import annotations

import time
import tracemalloc

import httpx
import msgspec

from sync_pipeline.sandboxes.bigcommerce.generated_content import generated_catalog
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline_tests.sandboxes.bigcommerce.conftest import Shop

PARTS = "variants,custom_fields,images,channels"
BIG = 100_000


def near_the_end(server: SandboxServer, store_hash: str) -> bytes:
    url = f"{server.base_url}/stores/{store_hash}/v3/catalog/products"
    params = {"id:greater": BIG - 200, "limit": 250, "include": PARTS}
    return (
        httpx.get(url, params=params, headers={"X-Auth-Token": f"{store_hash}-token"}, timeout=30)
        .raise_for_status()
        .content
    )


def test_two_servers_with_one_seed_agree_whatever_they_were_asked_before(server: SandboxServer) -> None:
    server.admin.open_generated("twin", seed=9, products=BIG)
    server.admin.open_generated("other", seed=10, products=BIG)
    near_the_end(server, "twin")
    with SandboxServer() as second:
        second.admin.open_generated("twin", seed=9, products=BIG)
        begun = time.monotonic()
        page = near_the_end(second, "twin")
        assert time.monotonic() - begun < 1
    assert page == near_the_end(server, "twin")
    assert len(msgspec.json.decode(page)["data"]) == 200
    others = msgspec.json.decode(near_the_end(server, "other"))["data"]
    assert [p["price"] for p in others] != [p["price"] for p in msgspec.json.decode(page)["data"]]


def test_a_hundred_thousand_products_take_little_memory() -> None:
    tracemalloc.start()
    try:
        catalog = generated_catalog("big", seed=1, products=BIG)
        for number in range(1, BIG, 25):
            catalog.products.get(number, ("variants",))
        catalog.products.variant_ends()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 5_000_000


def test_generated_products_weigh_about_three_kilobytes_and_cover_the_awkward_cases() -> None:
    catalog = generated_catalog("g", seed=3, products=3000)
    products = [catalog.products.whole(number) for number in catalog.products.ids]
    assert 2500 < sum(len(msgspec.json.encode(p)) for p in products) / len(products) < 4000
    assert {p["inventory_tracking"] for p in products} == {"none", "product", "variant"}
    assert {p["availability"] for p in products} == {"available", "disabled", "preorder"}
    assert {len(p["variants"]) for p in products} == {1, 2, 3, 4, 24}
    assert {tuple(p["channels"]) for p in products} == {(), (1,), (1, 2)}
    assert any(p["price"] == 0 for p in products)
    assert any(0 < p["sale_price"] < p["price"] for p in products)
    assert 0.85 < sum(p["is_visible"] for p in products) / len(products) < 0.97
    assert any("<script>" in p["description"] for p in products)
    assert any("&eacute;" in p["description"] for p in products)
    assert any([f["name"] for f in p["custom_fields"]].count("Material") == 2 for p in products)
    assert any(v["price"] is None for p in products for v in p["variants"])
    assert any(v["price"] for p in products for v in p["variants"])
    assert any(p["brand_id"] == 0 for p in products)
    skus = [v["sku"] for p in products for v in p["variants"]]
    assert len(set(skus)) == len(skus)
    variants = [v["id"] for p in products for v in p["variants"]]
    assert len(set(variants)) == len(variants)
    assert len({p["name"] for p in products}) == len(products)
    assert all((p["base_variant_id"] is None) == (len(p["variants"]) > 1) for p in products)


def test_variants_pages_across_products_join_without_gaps(small: Shop) -> None:
    pages = [small.data("/v3/catalog/variants", limit=7, page=page) for page in range(1, 40)]
    owned = [v for p in small.data("/v3/catalog/products", include="variants", limit=250) for v in p["variants"]]
    assert [v for page in pages for v in page] == owned[: 39 * 7]


def test_generated_categories_are_three_levels_with_a_few_hidden() -> None:
    categories = {c["category_id"]: c for c in generated_catalog("g", seed=3, products=1).categories.all()}
    grandparents = [
        categories[categories[c["parent_id"]]["parent_id"]]
        for c in categories.values()
        if c["parent_id"] and categories[c["parent_id"]]["parent_id"]
    ]
    assert grandparents
    assert 0 < sum(not c["is_visible"] for c in categories.values()) < 20
