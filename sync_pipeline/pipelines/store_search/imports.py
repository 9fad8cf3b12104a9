"""Full imports: a store's records into new indices, each published when it is whole, side by side."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.delivery.dead_letters import DeadLetters
from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.interrupts import OrderlyInterrupts
from sync_pipeline.operations import Operation, Outcome
from sync_pipeline.pipelines.store_search.types import PIPELINE, Part, kind_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from sync_pipeline.operations import Item
    from sync_pipeline.pipelines.store_search.builds import StoreBuild
    from sync_pipeline.pipelines.store_search.source import StoreSource
    from sync_pipeline.pipelines.store_search.types import Kind


@dataclass(frozen=True)
class ImportResult:
    """What an import did: its figures as the ledger keeps them, and one of its documents for people to look at."""

    figures: dict[str, Any]
    sample: bytes | None


async def run_imports(
    build: StoreBuild, source: StoreSource, parts: Sequence[Part]
) -> AsyncGenerator[tuple[Part, ImportResult | Exception]]:
    """Runs the imports at the same time; yields each as it ends, with its result or what stopped it.

    Close it (``aclosing``) when leaving early: that cancels what is under way.
    """

    async def work(part: Part) -> tuple[Part, ImportResult | Exception]:
        try:
            return part, await run_import(build, source, kind_of(part))
        except Exception as error:  # noqa: BLE001 - handed on, so that the other imports go on (invariant 6)
            return part, error

    tasks = [asyncio.create_task(work(part)) for part in parts]

    def cancel() -> None:
        for task in tasks:
            task.cancel()

    with OrderlyInterrupts(cancel) as interrupts:
        try:
            for ended in asyncio.as_completed(tasks):
                yield await ended
        except asyncio.CancelledError:
            interrupts.deliver()
            raise
        finally:
            cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def run_import(build: StoreBuild, source: StoreSource, kind: Kind) -> ImportResult:
    """Fills the kind's new index from the source, publishes it, and records the figures.

    Raises what reading, delivery or publishing raise; until it is published, searches see the old index.
    """
    started_at = build.clock.now()
    started = build.clock.monotonic()
    name = await build.index_for(kind)
    batch = build.part.batch
    delivery = Delivery(
        BulkIndex(build.cluster, name),
        fence=build.part.lane.check,
        keep=DeadLetters(build.part.ledger, PIPELINE, batch.scope, batch.id).keep,
        clock=build.clock,
    )
    build.part.progress[kind.part] = lambda: {
        **delivery.books.as_dict(),
        "total": source.announced.get(kind.part),
    }
    sampled = _Sampled()
    books = await delivery.run(sampled.through(source.items(kind.part)))
    published = await build.publish(kind, name, documents=books.outcomes[Outcome.WRITTEN])
    seconds = build.clock.monotonic() - started
    figures = {
        **books.as_dict(),
        **published,
        "started_at": started_at.isoformat(),
        "finished_at": build.clock.now().isoformat(),
        "seconds": round(seconds, 3),
        "documents_per_second": round(published["documents"] / seconds, 1) if seconds else None,
    }
    build.part.record(kind.part, figures)
    return ImportResult(figures, sampled.body)


class _Sampled:
    """Remembers the first document of a stream that passes through."""

    def __init__(self) -> None:
        self.body: bytes | None = None

    async def through(self, pages: AsyncGenerator[Sequence[Item]]) -> AsyncGenerator[Sequence[Item]]:
        async for page in pages:
            if self.body is None:
                self.body = next((item.body for item in page if isinstance(item, Operation)), None)
            yield page
