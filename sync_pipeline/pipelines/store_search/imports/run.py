"""Imports: a store's records into its indices, as the batch's mode says, side by side."""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync_pipeline.batches.requests import Mode
from sync_pipeline.batches.synced_keys import recall, remember
from sync_pipeline.connectors.elasticsearch.documents import DocumentIndex
from sync_pipeline.delivery.dead_letters import DeadLetters
from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.delivery.key_hashes import key_hash
from sync_pipeline.interrupts import OrderlyInterrupts
from sync_pipeline.operations import Operation, Outcome
from sync_pipeline.pipelines.store_search.imports.changes import live_changes
from sync_pipeline.pipelines.store_search.index.live_index import LiveIndex
from sync_pipeline.pipelines.store_search.search.client import NotIndexedError
from sync_pipeline.pipelines.store_search.source.concurrent_changes import TAKEN, remember_taken
from sync_pipeline.pipelines.store_search.source.store_settings import written_by
from sync_pipeline.pipelines.store_search.types import Part, kind_of, part_of_key

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from sync_pipeline.batches.synced_keys import Seen
    from sync_pipeline.operations import Item
    from sync_pipeline.pipelines.store_search.index.build import StoreBuild
    from sync_pipeline.pipelines.store_search.source.store_source import StoreSource
    from sync_pipeline.pipelines.store_search.types import Kind


@dataclass(frozen=True)
class ImportResult:
    """What an import did: its figures as the ledger keeps them; one of its documents and its first dead letters, for
    people to look at.
    """

    stats: dict[str, Any]
    sample: bytes | None
    dead_letters: list[dict[str, str]]


async def run_imports(
    build: StoreBuild, source: StoreSource, parts: Sequence[Part]
) -> AsyncGenerator[tuple[Part, ImportResult | Exception]]:
    """Runs the imports at the same time; yields each as it ends, with its result or what stopped it.

    Close it (``aclosing``) when leaving early: that cancels what is under way.
    """

    # Before any import has the source read its facts.
    known = await asyncio.to_thread(recall, build.part.ledger, build.part.batch.scope, TAKEN)

    async def work(part: Part) -> tuple[Part, ImportResult | Exception]:
        try:
            return part, await run_import(build, source, kind_of(part), known)
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


async def run_import(build: StoreBuild, source: StoreSource, kind: Kind, known: Seen) -> ImportResult:
    """Brings one kind of index in step with the source, as the batch's mode says, and records the figures.

    ``known`` is what the ledger remembered of brands and categories before the source was read.
    Raises what reading, delivery or publishing raise; a new index is not searched until it is published.
    """
    started_at = build.clock.now()
    started = build.clock.monotonic()
    read_at = await source.read_at()
    plan = await plan_import(build, source, kind)
    batch = build.part.batch
    letters = DeadLetters.of(build.part)
    written = array("Q")
    delivery = Delivery.of(
        build.part,
        DocumentIndex(build.cluster, plan.index),
        letters=letters,
        on_written=lambda keys: written.extend(array("Q", map(key_hash, keys))),
        min_version=plan.min_version,
        clock=build.clock,
    )
    build.part.progress[kind.part] = lambda: {
        **delivery.books.as_dict(),
        "total": source.announced.get(kind.part),
    }
    sampled = _Sampled()
    books = await delivery.run(sampled.through(plan.pages))
    if plan.mode is Mode.FULL:
        published = await build.publish(kind, plan.index, documents=books.outcomes[Outcome.WRITTEN], written=written)
        await asyncio.to_thread(build.tombstones.forget)
        # Everything was read, so an older dead letter is of a record that the store no longer has. The build's version,
        # and none of this import's own: another import may have had the records read before this one began.
        await asyncio.to_thread(
            letters.supersede_all, lambda key: part_of_key(key) is kind.part, version=build.first_version
        )
    else:
        published = await build.show(kind, plan.index)
    if plan.mode is not Mode.SELECTIVE:
        facts = {written_by(kind.part): await source.store_facts()}
        await asyncio.to_thread(remember, build.part.ledger, batch.scope, facts)
    if kind.part is Part.PRODUCTS:
        whole = plan.mode is not Mode.SELECTIVE
        await remember_taken(build.part, await source.seen(), known, whole=whole, retries=build.retries)
    seconds = build.clock.monotonic() - started
    stats = {
        **books.as_dict(),
        **published,
        "mode": plan.mode.value,
        "started_at": started_at.isoformat(),
        "finished_at": build.clock.now().isoformat(),
        "seconds": round(seconds, 3),
        "documents_per_second": round(books.accounted / seconds, 1) if seconds else None,
    }
    if plan.mode is not Mode.SELECTIVE:
        stats["read_at"] = read_at.isoformat()
    await asyncio.to_thread(build.part.record, kind.part, stats)
    return ImportResult(stats, sampled.body, letters.shown)


@dataclass(frozen=True)
class ImportPlan:
    """What an import does: the index it writes, the items, the delivery's lowest version."""

    mode: Mode
    index: str
    pages: AsyncGenerator[Sequence[Item]]
    min_version: int = 0


async def plan_import(build: StoreBuild, source: StoreSource, kind: Kind) -> ImportPlan:
    """Returns the plan of an import. An incremental batch that has nothing to go on from is a full one.

    Raises NotIndexedError for a selective batch without an index.
    """
    batch, ledger = build.part.batch, build.part.ledger
    if batch.mode != Mode.FULL:
        live = await LiveIndex.find(
            build.cluster,
            build.store,
            kind,
            identity=build.identity,
            confirmed=batch.confirm_deletes,
            next_version=lambda: asyncio.to_thread(ledger.next_version),
        )
        pages = None
        if live is not None:
            pages = await live_changes(ledger, source, live, scope=batch.scope, mode=batch.mode, ids=batch.ids or ())
        if live is not None and pages is not None:
            return ImportPlan(Mode(batch.mode), live.name, pages, min_version=live.first_version)
    if batch.mode == Mode.SELECTIVE:
        raise NotIndexedError(
            f"store {build.store.hash} has no {kind.word} index to change: run a full batch before a selective one"
        )
    return ImportPlan(Mode.FULL, await build.index_for(kind), source.items(kind.part))


class _Sampled:
    """Remembers the first document of a stream that passes through."""

    def __init__(self) -> None:
        self.body: bytes | None = None

    async def through(self, pages: AsyncGenerator[Sequence[Item]]) -> AsyncGenerator[Sequence[Item]]:
        async for page in pages:
            if self.body is None:
                self.body = next((item.body for item in page if isinstance(item, Operation)), None)
            yield page
