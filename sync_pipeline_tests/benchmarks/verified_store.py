"""A verification of one store's products as a process of its own: what it found and how long it took, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from sync_pipeline.batches.requests import Level
from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.store_search.opened import store_search
from sync_pipeline.pipelines.store_search.types import Part
from sync_pipeline.pipelines.store_search.verify import verify_store


def main(store_hash: str, level: str) -> None:
    with environment("verify") as here:
        pipeline = store_search(here)
        store = pipeline.stores.get(store_hash)
        started = time.monotonic()
        found = asyncio.run(verify_store(pipeline, store, [Part.PRODUCTS], level=Level(level), pause=0.5))
        seconds = time.monotonic() - started
    print(json.dumps({"seconds": seconds, **found[Part.PRODUCTS].as_dict()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
