from __future__ import annotations

import pytest

from sync_pipeline.connectors.bigcommerce.records import Site, SiteUrl, Store
from sync_pipeline.pipelines.store_search.documents.urls import absolute_url, storefront_url

STORE = Store(id="abc", secure_url="https://abc.example.com/", domain="abc.example.com")
PRIMARY = SiteUrl(url="https://www.shop.example.com/", type="primary")
CHECKOUT = SiteUrl(url="https://pay.example.com", type="checkout")


@pytest.mark.parametrize(
    ("store", "site", "expected"),
    [
        (STORE, None, "https://abc.example.com"),
        (STORE, Site(id=1, url="https://shop.example.com", urls=[CHECKOUT, PRIMARY]), "https://www.shop.example.com"),
        (STORE, Site(id=1, url="https://shop.example.com/", urls=[CHECKOUT]), "https://shop.example.com"),
        (STORE, Site(id=1, url=None, urls=None), "https://abc.example.com"),
        (STORE, Site(id=1, url=" ", urls=[SiteUrl(url=None, type="primary")]), "https://abc.example.com"),
        (Store(id="abc", domain="abc.example.com"), None, "https://abc.example.com"),
        (Store(id="abc"), None, ""),
    ],
)
def test_the_storefront_is_the_sites_primary_address_or_the_stores(
    store: Store, site: Site | None, expected: str
) -> None:
    assert storefront_url(store, site) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/jar/", "https://shop.example.com/jar/"),
        ("jar", "https://shop.example.com/jar"),
        ("/", "https://shop.example.com/"),
        (" /jar/ ", "https://shop.example.com/jar/"),
        ("https://else.example.com/x", "https://else.example.com/x"),
        ("", None),
        (" ", None),
        (None, None),
    ],
)
def test_paths_become_absolute(path: str | None, expected: str | None) -> None:
    assert absolute_url("https://shop.example.com", path) == expected
    assert absolute_url("https://shop.example.com/", path) == expected


def test_without_a_storefront_there_is_no_address() -> None:
    assert absolute_url("", "/jar/") is None
