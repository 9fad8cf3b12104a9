"""A catalogue read from a folder with one JSON file per collection, in BigCommerce's shapes.

Files: ``store.json`` (what `/v2/store` answers; its ``id`` is the hash), and lists in ``channels trees categories
brands products pages blog_posts`` and optionally ``sites``. Products carry their parts inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from sync_pipeline.errors import UsageError
from sync_pipeline.sandboxes.bigcommerce.catalog import Catalog, site
from sync_pipeline.sandboxes.bigcommerce.products import Products
from sync_pipeline.sandboxes.bigcommerce.records import Records

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_SITE_ID = 1000


def folder_catalog(folder: Path) -> Catalog:
    """Returns the catalogue in ``folder``; raises UsageError naming the file that is missing or malformed."""
    info = _read(folder / "store.json")
    channels = _read(folder / "channels.json")
    sites_file = folder / "sites.json"
    if sites_file.is_file():
        sites = _read(sites_file)
    else:
        sites = [site(DEFAULT_SITE_ID + order, c["id"], info["secure_url"]) for order, c in enumerate(channels)]
    return Catalog(
        info=info,
        channels=Records(channels),
        sites=Records(sites),
        trees=Records(_read(folder / "trees.json")),
        categories=Records(_read(folder / "categories.json"), key="category_id"),
        brands=Records(_read(folder / "brands.json")),
        products=Products(_read(folder / "products.json")),
        pages=Records(_read(folder / "pages.json")),
        posts=Records(_read(folder / "blog_posts.json")),
    )


def write_folder(catalog: Catalog, folder: Path) -> None:
    """Writes a catalogue as ``folder_catalog`` reads it. Raises OSError."""
    products = catalog.products
    files: dict[str, Any] = {
        "store": catalog.info,
        "channels": catalog.channels.all(),
        "sites": catalog.sites.all(),
        "trees": catalog.trees.all(),
        "categories": catalog.categories.all(),
        "brands": catalog.brands.all(),
        "products": [products.whole(number) for number in products.ids],
        "pages": catalog.pages.all(),
        "blog_posts": catalog.posts.all(),
    }
    for name, content in files.items():
        (folder / f"{name}.json").write_bytes(msgspec.json.encode(content))


def _read(file: Path) -> Any:
    try:
        return msgspec.json.decode(file.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"{file} is not there") from None
    except msgspec.DecodeError as error:
        raise UsageError(f"{file} is no JSON: {error}") from None
