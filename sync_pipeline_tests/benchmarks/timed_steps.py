"""`sync-pipeline` that also tells when the pipeline's own work began and ended, on its last line, as JSON.

So what Dagster and the ledger take around the work can be told from the work.
"""

from __future__ import annotations

import json
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from sync_pipeline.cli.main import main
from sync_pipeline.pipelines.store_search import sync

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

#: Begin and end of each step's work, in monotonic seconds.
worked: list[tuple[float, float]] = []


def _timed(step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def timed(*arguments: Any) -> Any:
        started = time.monotonic()
        try:
            return await step(*arguments)
        finally:
            worked.append((started, time.monotonic()))

    return timed


def _timed_stream(step: Callable[..., AsyncGenerator[Any]]) -> Callable[..., AsyncGenerator[Any]]:
    async def timed(*arguments: Any) -> AsyncGenerator[Any]:
        started = time.monotonic()
        try:
            async with aclosing(step(*arguments)) as items:
                async for item in items:
                    yield item
        finally:
            worked.append((started, time.monotonic()))

    return timed


if __name__ == "__main__":
    for name in ("apply_stop_words", "apply_synonyms", "create_indices"):
        setattr(sync, name, _timed(getattr(sync, name)))
    sync.import_records = _timed_stream(sync.import_records)
    try:
        main()
    finally:
        print(json.dumps(worked))
