from __future__ import annotations

from sync_pipeline_tests.sandboxes.bigcommerce.conftest import Shop


def test_the_demo_shop_is_small_varied_and_searchable_by_synonyms(demo: Shop) -> None:
    products = demo.data("/v3/catalog/products", limit=250, include="variants,custom_fields,images,channels")
    assert 40 <= len(products) <= 60
    texts = [f"{p['name']} {p['description']}".lower() for p in products if p["is_visible"]]
    for one, other in [("phone", "mobile"), ("tv", "television"), ("sofa", "couch"), ("rucksack", "backpack")]:
        only_one = [t for t in texts if one in t and other not in t]
        only_other = [t for t in texts if other in t and one not in t]
        assert only_one, one
        assert only_other, other
    assert any(" for the " in text for text in texts)
    assert any(not p["is_visible"] for p in products)
    assert {p["inventory_tracking"] for p in products} == {"none", "product", "variant"}
    assert {p["availability"] for p in products} == {"available", "preorder", "disabled"}
    assert any([f["name"] for f in p["custom_fields"]].count("Material") > 1 for p in products)
    assert all(sum(v["inventory_level"] for v in p["variants"]) == p["inventory_level"] for p in products)
    known = {c["category_id"] for c in demo.data("/v3/catalog/trees/categories", limit=250)}
    assert all(set(p["categories"]) <= known and p["categories"] for p in products)
    assert len({p["sku"] for p in products}) == len(products)


def test_a_visible_category_lies_below_a_hidden_one(demo: Shop) -> None:
    categories = {c["category_id"]: c for c in demo.data("/v3/catalog/trees/categories", limit=250)}
    assert {c["name"] for c in categories.values() if not c["is_visible"]} >= {"Staff Sale"}
    depths = [
        0 if not c["parent_id"] else 1 + bool(categories[c["parent_id"]]["parent_id"]) for c in categories.values()
    ]
    assert set(depths) == {0, 1, 2}
