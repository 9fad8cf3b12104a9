from __future__ import annotations

from sync_pipeline_tests.sandboxes.bigcommerce.conftest import Shop


def test_pages_have_bodies_only_when_asked(demo: Shop) -> None:
    bare = demo.data("/v3/content/pages")
    assert not any("body" in page or "content_type" in page for page in bare)
    whole = {page["type"]: page for page in demo.data("/v3/content/pages", include="body")}
    assert set(whole) == {"page", "contact_form", "raw", "blog", "link"}
    assert "body" not in whole["link"]
    assert whole["link"]["link"].startswith("https://")
    assert whole["blog"]["body"] == ""
    assert {"email", "contact_fields", "body"} <= set(whole["contact_form"])
    assert any(page["is_customers_only"] for page in bare)
    assert any(not page["is_visible"] for page in bare)


def test_an_unknown_parameter_of_pages_is_400_as_a_problem(demo: Shop) -> None:
    response = demo.get("/v3/content/pages", sort="id")
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert "sort" in response.json()["detail"]


def test_a_wrong_value_of_pages_is_422_with_a_list_of_errors(demo: Shop) -> None:
    response = demo.get("/v3/content/pages", channel_id="one")
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"] == ["channel_id: must be an integer"]


def test_pages_are_found_by_name_body_and_channel(demo: Shop) -> None:
    def names(**params: object) -> list[str]:
        return [page["name"] for page in demo.data("/v3/content/pages", **params)]

    assert names(name__like="LANTERNS") == ["About Us"]
    assert names(name__like="size") == ["Size Guide"]
    assert names(name="Repairs") == ["Repairs"]
    assert names(id__in="1,4") == ["About Us", "Contact"]
    assert names(channel_id=2) == []


def test_posts_come_newest_first_with_drafts_and_the_future(demo: Shop) -> None:
    posts = demo.data("/v2/blog/posts")
    dates = [post["published_date_iso8601"] for post in posts]
    assert dates == sorted(dates, reverse=True)
    assert dates[0] > "2040"
    assert [post["title"] for post in posts if not post["is_published"]] == ["Autumn Price List (draft)"]
    first = posts[-1]
    assert first["published_date"] == {
        "date": "2025-03-14 08:30:00.000000",
        "timezone_type": 1,
        "timezone": "+00:00",
    }
    assert demo.data("/v2/blog/posts/1") == first


def test_posts_are_filtered_and_counted(demo: Shop) -> None:
    assert demo.data("/v2/blog/posts/count") == {"count": 7}
    assert len(demo.data("/v2/blog/posts", is_published="true")) == 6
    assert [post["id"] for post in demo.data("/v2/blog/posts", tag="camping")] == [1]
    assert [post["id"] for post in demo.data("/v2/blog/posts", url="/blog/caring-for-oiled-oak/")] == [5]
    assert demo.get("/v2/blog/posts", tag="nothing").status_code == 204


def test_a_store_tells_its_channels_trees_and_address(small: Shop) -> None:
    assert small.data("/v2/store")["id"] == "small"
    assert [c["id"] for c in small.data("/v3/channels", type__in="storefront")] == [1]
    assert small.data("/v3/channels/1/site")["url"] == "https://small.example.com"
    assert small.get("/v3/channels/2/site").status_code == 404
    assert small.get("/v3/channels/9/site").status_code == 404
    assert [site["channel_id"] for site in small.data("/v3/sites", channel_id__in="1,2")] == [1]
    assert small.data("/v3/catalog/trees", channel_id__in=1) == [
        {"id": 1, "name": "Default catalog tree", "channels": [1]}
    ]
    assert small.data("/v3/catalog/trees", channel_id__in=2) == []


def test_categories_and_brands_are_filtered(demo: Shop) -> None:
    path = "/v3/catalog/trees/categories"
    [kitchen] = demo.data(path, name="Kitchen")
    children = demo.data(path, parent_id__in=kitchen["category_id"])
    assert [child["name"] for child in children] == ["Cookware", "Tableware", "Coffee & Tea"]
    assert children[0]["url"]["path"] == "/home/kitchen/cookware/"
    assert [c["name"] for c in demo.data(path, is_visible="false")] == ["Staff Sale"]
    assert demo.data(path, tree_id__in=7) == []
    assert demo.get(path, sort="name").status_code == 422
    brands = demo.data("/v3/catalog/brands")
    assert demo.data("/v3/catalog/brands", name__like="north") == [b for b in brands if b["name"] == "Northlight"]
    assert demo.data("/v3/catalog/brands", id__in=brands[0]["id"]) == brands[:1]
