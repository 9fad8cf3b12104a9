"""The floor: the same bodies, ready-made, sent to a new index of the same mapping over four connections."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex, render
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.operations import Operation

if TYPE_CHECKING:
    from datetime import datetime

CONNECTIONS = 4
CHUNK = 500


async def bulk_floor(url: str, store_hash: str, now: datetime) -> float:
    """Documents per second of raw `_bulk` requests, the second of two passes (the first warms the server up)."""
    async with SearchCluster(url=url, request_timeout=120) as cluster:
        indices = StoreIndices(cluster, store_hash)
        [live] = await indices.current("products")
        operations = [
            Operation(document.key, document.version, body=msgspec.json.encode(document.source))
            async for page in BulkIndex(cluster, live).scan(["*"])
            for document in page
        ]
        chunks = [render(operations[start : start + CHUNK]) for start in range(0, len(operations), CHUNK)]
        body = (await cluster.client.indices.get(index=live)).body[live]
        analysis = {"analysis": body["settings"]["index"]["analysis"], "index": {"number_of_shards": 1}}
        rate = 0.0
        for _ in range(2):
            name = indices.new_name("products", now)
            await indices.create(name, {"settings": analysis, "mappings": body["mappings"]})
            rate = len(operations) / await _send(cluster, name, list(chunks))
            await indices.delete(name)
        return rate


async def _send(cluster: SearchCluster, name: str, chunks: list[bytes]) -> float:
    headers = {"accept": "application/json", "content-type": "application/json"}

    async def work() -> None:
        while chunks:
            chunk = chunks.pop()
            answer = await cluster.client.perform_request(
                "POST", f"/{name}/_bulk?filter_path=errors", headers=headers, body=chunk
            )
            assert answer.body == {"errors": False}, answer.body

    started = time.monotonic()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    await cluster.client.indices.refresh(index=name)
    return time.monotonic() - started
