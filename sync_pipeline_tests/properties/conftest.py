"""Shops for properties of whole batches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sync_pipeline.sandboxes.bigcommerce.demo import demo_catalog
from sync_pipeline_tests.pipelines.store_search.conftest import Shop, instance, new_shop, pipeline, sandbox

__all__ = ["instance", "new_shop", "pipeline", "sandbox"]

#: Enough of each kind for edits that leave five.
RECORDS = 8


@pytest.fixture
def new_small_shop(new_shop: Callable[..., Shop], tmp_path: Path) -> Callable[[], Shop]:
    """Makes shops with the first few records of each kind of the demonstration shop."""
    folder = tmp_path / "small"
    folder.mkdir()
    catalog = demo_catalog("small")
    kept = set(catalog.products.ids[:RECORDS])
    files = {
        "store": catalog.info,
        "channels": catalog.channels.all(),
        "trees": catalog.trees.all(),
        "categories": list(catalog.categories.all())[:RECORDS],
        "brands": list(catalog.brands.all())[:RECORDS],
        "products": [catalog.products.whole(number) for number in sorted(kept)],
        "pages": list(catalog.pages.all())[:RECORDS],
        "blog_posts": list(catalog.posts.all())[:RECORDS],
    }
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content if name == "store" else list(content)))
    return lambda: new_shop(folder=folder)
