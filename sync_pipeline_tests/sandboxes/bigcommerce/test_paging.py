from __future__ import annotations

import pytest

from sync_pipeline_tests.sandboxes.bigcommerce.conftest import Shop

LISTS = [
    "/v3/catalog/products",
    "/v3/catalog/variants",
    "/v3/catalog/products/channel-assignments",
    "/v3/catalog/trees/categories",
    "/v3/catalog/brands",
    "/v3/content/pages",
]


@pytest.mark.parametrize("path", LISTS)
def test_pages_of_a_list_hold_every_record_once_in_the_same_order(small: Shop, path: str) -> None:
    first = small.get(path, limit=37).json()["meta"]["pagination"]
    pages = [small.data(path, limit=37, page=number) for number in range(1, first["total_pages"] + 1)]
    records = [record for page in pages for record in page]
    assert len(records) == first["total"]
    assert all(len(page) == 37 for page in pages[:-1])
    once = small.data(path, limit=250)
    assert records[:250] == once
    assert len({repr(record) for record in records}) == len(records)


def test_pagination_tells_where_the_page_lies_and_links_to_its_neighbours(small: Shop) -> None:
    meta = small.get("/v3/catalog/products", page=2, limit=250, include_fields="name").json()["meta"]
    assert meta == {
        "pagination": {
            "total": 600,
            "count": 250,
            "per_page": 250,
            "current_page": 2,
            "total_pages": 3,
            "links": {
                "current": "?include_fields=name&page=2&limit=250",
                "previous": "?include_fields=name&page=1&limit=250",
                "next": "?include_fields=name&page=3&limit=250",
            },
        }
    }


def test_the_first_page_has_no_previous_link_and_the_last_no_next(small: Shop) -> None:
    assert "previous" not in small.get("/v3/catalog/products").json()["meta"]["pagination"]["links"]
    assert "next" not in small.get("/v3/catalog/products", page=12).json()["meta"]["pagination"]["links"]


def test_a_page_behind_the_end_is_empty_but_keeps_the_total(small: Shop) -> None:
    body = small.get("/v3/catalog/products", page=99).json()
    assert body["data"] == []
    assert body["meta"]["pagination"]["total"] == 600


def test_the_default_page_has_fifty(small: Shop) -> None:
    assert len(small.data("/v3/catalog/products")) == 50


@pytest.mark.parametrize(("name", "value"), [("limit", 251), ("limit", 0), ("page", 0), ("page", "x")])
def test_paging_outside_the_bounds_is_refused(small: Shop, name: str, value: object) -> None:
    response = small.get("/v3/catalog/products", **{name: value})
    assert response.status_code == 422
    assert list(response.json()["errors"]) == [name]


def test_a_keyset_walk_sees_every_product_once_although_products_vanish_behind_it(small: Shop) -> None:
    seen: list[int] = []
    while page := small.data("/v3/catalog/products", id__greater=seen[-1] if seen else 0, sort="id", limit=100):
        seen += [product["id"] for product in page]
        small.admin.delete("small", "products", seen[0] + len(seen) // 100)
    assert seen == list(range(1, 601))


@pytest.mark.parametrize("part", ["options", "modifiers", "variants,options"])
def test_options_and_modifiers_cap_the_page_at_ten(small: Shop, part: str) -> None:
    body = small.get("/v3/catalog/products", include=part, limit=250).json()
    assert len(body["data"]) == 10
    assert body["meta"]["pagination"]["per_page"] == 10
    assert body["meta"]["pagination"]["total_pages"] == 60


def test_v2_lists_are_bare_and_end_with_204_and_no_body(small: Shop) -> None:
    sizes = [len(small.data("/v2/blog/posts", limit=50, page=page)) for page in (1, 2, 3)]
    assert sizes == [50, 50, 20]
    end = small.get("/v2/blog/posts", limit=50, page=4)
    assert (end.status_code, end.content) == (204, b"")


def test_v2_limits_above_250_are_413_and_pages_above_50_are_refused(small: Shop) -> None:
    response = small.get("/v2/blog/posts", limit=251)
    assert response.status_code == 413
    message = "The specified limit exceeds the maximum allowed."
    assert response.json() == [{"status": 413, "message": message, "details": {"max_limit": 250}}]
    assert small.get("/v2/blog/posts", page=51).status_code == 400
