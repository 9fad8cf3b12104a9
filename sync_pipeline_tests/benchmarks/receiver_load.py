"""The load of the receiver's benchmark, a process of its own: events over kept-open connections."""

from __future__ import annotations

import asyncio
import json
import time
from itertools import count

import typer

from sync_pipeline_tests.api.bigcommerce.senders import Connection, payload

STORE = "bench"


def load(address: str, connections: int, rate: int, seconds: float, first: int, duplicates: bool = False) -> None:
    """The load itself, distinct events or one again and again: prints what it measured as JSON."""
    print(json.dumps(asyncio.run(_send(address, connections, rate, seconds, first, duplicates=duplicates))))


async def _send(
    address: str, connections: int, rate: int, seconds: float, first: int, *, duplicates: bool
) -> dict[str, float]:
    numbers, taken, refused = count(first), [], 0
    opened = [await Connection(address, STORE).open() for _ in range(connections)]
    began = time.monotonic()

    async def send(connection: Connection) -> None:
        nonlocal refused
        while (now := time.monotonic()) < began + seconds:
            number = next(numbers)
            if rate:
                # When it is due; what is late counts as waiting, or slow answers would thin out their own load.
                now = began + (number - first) / rate
                await asyncio.sleep(now - time.monotonic())
            refused += await connection.send(payload(STORE, first if duplicates else number)) != 200
            taken.append(time.monotonic() - now)

    await asyncio.gather(*(send(connection) for connection in opened))
    elapsed = time.monotonic() - began
    taken.sort()
    return {
        "requests": len(taken),
        "seconds": elapsed,
        "refused": refused,
        "p50": taken[len(taken) // 2],
        "p99": taken[len(taken) * 99 // 100],
        "longest": taken[-1],
    }


if __name__ == "__main__":
    typer.run(load)
