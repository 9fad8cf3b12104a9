"""Verifying a generated store: seconds and memory beside a full batch of the same store, and a flipped field found.

`python -m sync_pipeline_tests.benchmarks.verify 100000`; the search cluster is the one that ELASTICSEARCH_URL names.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import typer

from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.local.engines import Engines
from sync_pipeline_tests.benchmarks.full_import import add_store, remove_store, running_sandbox, show
from sync_pipeline_tests.benchmarks.processes import measure, newest_batch
from sync_pipeline_tests.commands import Commands

STEP = "sync_pipeline_tests.benchmarks.verified_store"


def main(products: int) -> None:
    """Benchmarks the verification of a store of so many PRODUCTS, after a full batch of it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Engines.open(Path(folder) / "state", owner="bench", idle=0) as engines,
    ):
        url = os.environ.get("ELASTICSEARCH_URL") or engines.url("elasticsearch")
        with running_sandbox([products]) as shop:
            commands = Commands(Path(folder), {"ELASTICSEARCH_URL": url, "BIGCOMMERCE_API_URL": shop.url})
            store = f"bench{products}"
            add_store(commands, store)
            batch = measure(commands, "sync", "run", "--store", store, "--type", "product")
            import_seconds = newest_batch(commands)["counts"]["products"]["seconds"]
            rows = {"full batch: import (s), peak memory (MB)": f"{import_seconds:.1f}, {batch.peak_mb:.0f}"}
            for level in ("content", "fast"):
                found, peak = _verify(commands, store, level)
                assert found["in_step"], found
                rows[f"{level}: documents, seconds, times the import, peak memory (MB)"] = (
                    f"{found['stored']}, {found['seconds']:.1f}, {found['seconds'] / import_seconds:.2f}, {peak:.0f}"
                )
            key = asyncio.run(_flip(url, store))
            found, _ = _verify(commands, store, "content")
            rows["one flipped field: found, seconds"] = (
                f"{[one['key'] for one in found['sample']] == [key]}, {found['seconds']:.1f}"
            )
            remove_store(commands, store)
            show(f"{products} products at {url}", rows)
        engines.stop()


def _verify(commands: Commands, store: str, level: str) -> tuple[dict[str, Any], float]:
    command = measure(commands, store, level, module=STEP)
    return json.loads(command.out.splitlines()[-1]), command.peak_mb


async def _flip(url: str, store: str) -> str:
    """Changes a field of some document; its key."""
    async with SearchCluster(url=url) as cluster:
        alias = f"store-{store}-products"
        hit = (await cluster.client.search(index=alias, size=1))["hits"]["hits"][0]
        await cluster.client.update(index=alias, id=hit["_id"], doc={"is_featured": not hit["_source"]["is_featured"]})
    return hit["_id"]


if __name__ == "__main__":
    typer.run(main)
