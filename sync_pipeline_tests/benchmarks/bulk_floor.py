"""The floor: the same bodies, ready-made, sent to a new index of the same mapping over four connections.

A process of its own (``python -m … URL STORE_HASH``): each line that it reads is one pass, whose documents per second
it prints. So its memory is not the benchmark's, and passes can take turns with batches.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import typer

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex, render
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.operations import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONNECTIONS = 4
CHUNK = 500
#: Of Elasticsearch's own memory guard; a batch waits longer.
BUSY, BUSY_PAUSE_SECONDS = 429, 0.1


@contextmanager
def bulk_floor(url: str, store_hash: str) -> Iterator[Callable[[], float]]:
    """Measures passes with the documents that the store has now: each call is one, in documents per second."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, url, store_hash], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asked, told = process.stdin, process.stdout

    def measure() -> float:
        asked.write("\n")
        asked.flush()
        return float(told.readline())

    try:
        yield measure
    finally:
        asked.close()
        process.wait()


async def _passes(url: str, store_hash: str) -> None:
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
        while await asyncio.to_thread(sys.stdin.readline):
            name = indices.new_name("products", datetime.now(UTC))
            await indices.create(name, {"settings": analysis, "mappings": body["mappings"]})
            seconds = await _send(cluster, name, list(chunks))
            await indices.delete(name)
            print(len(operations) / seconds, flush=True)


async def _send(cluster: SearchCluster, name: str, chunks: list[bytes]) -> float:
    headers = {"accept": "application/json", "content-type": "application/json"}
    client = cluster.client.options(ignore_status=BUSY)

    async def work() -> None:
        while chunks:
            chunk = chunks.pop()
            answer = await client.perform_request(
                "POST", f"/{name}/_bulk?filter_path=errors,status", headers=headers, body=chunk
            )
            if answer.meta.status == BUSY:
                chunks.append(chunk)
                await asyncio.sleep(BUSY_PAUSE_SECONDS)
            else:
                assert answer.body == {"errors": False}, answer.body

    started = time.monotonic()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    await cluster.client.indices.refresh(index=name)
    return time.monotonic() - started


def main(url: str, store_hash: str) -> None:
    """Passes over the documents of STORE_HASH in the cluster at URL, one for each line of standard input."""
    asyncio.run(_passes(url, store_hash))


if __name__ == "__main__":
    typer.run(main)
