"""A shop whose batches are interrupted: other things happen between their steps (interruptions.py), or they die."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self

from sync_pipeline.batches.identity import identity_of
from sync_pipeline.batches.lanes import FencedError, Lane
from sync_pipeline.batches.ledger import BatchLostError, Ledger
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.parts import BatchPart, Run, batch_part
from sync_pipeline.batches.queue import reap
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.batches.states import Status
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.delivery.dead_letters import DeadLetters
from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.delivery.tombstones import Tombstones
from sync_pipeline.operations import Action, Filtered, Item, Operation
from sync_pipeline.pipelines.store_search import sync
from sync_pipeline.pipelines.store_search.index.live_index import LiveIndex
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.runtime import StoreSearch
from sync_pipeline.pipelines.store_search.source.store_source import StoreSource
from sync_pipeline.pipelines.store_search.types import IMPORTS, PIPELINE, BatchType, Part, kind_of
from sync_pipeline_tests.ageing import pass_time
from sync_pipeline_tests.clocks import HurriedClock
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.properties.interruptions import (
    Interruptions,
    KilledError,
    Steps,
    UnclosingLedger,
    WatchedLane,
    WatchedLedger,
)


@dataclass
class InterruptedShop:
    """The shop, its pipeline on a clock that tests move, and what batches left behind.

    ``killed`` are batches that nobody has closed yet, ``living`` those at work, by their lane.
    """

    shop: Shop
    clock: HurriedClock
    killed: dict[LaneName, SyncBatch] = field(default_factory=dict)
    living: dict[LaneName, BatchPart] = field(default_factory=dict)
    captured: list[tuple[Part, Sequence[Item]]] = field(default_factory=list)

    @classmethod
    def of(cls, shop: Shop) -> Self:
        clock = HurriedClock()
        ledger = Ledger(shop.pipeline.ledger.engine, clock)
        stores = replace(shop.pipeline.stores, ledger=ledger)
        pipeline = replace(shop.pipeline, ledger=ledger, stores=stores, clock=clock)
        return cls(replace(shop, pipeline=pipeline), clock)

    def pass_time(self, seconds: float) -> None:
        """Lets it become later, here and at the store; whoever is alive beats the heart meanwhile."""
        self.clock.advance(seconds)
        self.shop.sandbox.admin.advance_clock(seconds)
        pass_time(self.shop.pipeline.ledger, seconds)
        for part in self.living.values():
            with suppress(BatchLostError, FencedError):
                self.shop.pipeline.ledger.heartbeat(part.batch)
                part.lane.renew()

    def reap(self) -> None:
        """What a supervisor does when a while has passed: closes those as lost that are silent."""
        self.pass_time(60)
        reap(self.shop.pipeline.ledger)

    def sync(
        self,
        before_step: Steps | Interruptions,
        *,
        lane: LaneName = LaneName.BULK,
        batch_id: int | None = None,
        parts: Sequence[Part] = IMPORTS,
        **options: Any,
    ) -> SyncBatch:
        """Runs the imports as a batch, or as that there is; the batch as it ended. Raises what ended it."""

        async def work(pipeline: StoreSearch, part: BatchPart) -> None:
            async with aclosing(sync.import_records(pipeline, part, parts)) as outcomes:
                async for _, outcome in outcomes:
                    if isinstance(outcome, Exception):
                        raise outcome

        request = store_request(self.shop.hash, BatchType.ALL, **options)
        planned = tuple(part.value for part in parts)
        return self.run(
            Run(secrets.token_hex(8), planned, request if batch_id is None else batch_id), work, before_step, lane
        )

    def reindex(
        self, before_step: Steps | Interruptions, words: Sequence[str], *, batch_id: int | None = None
    ) -> SyncBatch:
        """Adds stop words and has the indices copied."""
        stores = self.shop.pipeline.stores
        stores.add_stop_words(self.shop.hash, words)

        async def work(pipeline: StoreSearch, part: BatchPart) -> None:
            await sync.apply_stop_words(pipeline, part)

        request = store_request(self.shop.hash, BatchType.STOP_WORDS)
        run = Run(secrets.token_hex(8), (Part.STOP_WORDS.value,), request if batch_id is None else batch_id)
        return self.run(run, work, before_step, LaneName.BULK)

    def restart(self) -> SyncBatch | None:
        """What a supervisor does after a kill: closes the batch as lost and runs it again."""
        batch = self.killed.pop(LaneName.BULK, None)
        if batch is None:
            return None
        self.reap()
        assert self.shop.pipeline.ledger.get(batch.id).status == Status.FAILED
        batch = self.shop.pipeline.ledger.retry(batch.id)
        if batch.type == BatchType.STOP_WORDS:
            return self.reindex({}, [], batch_id=batch.id)
        return self.sync({}, batch_id=batch.id)

    def versions(self) -> dict[str, int]:
        """The version of every document that searches can see."""

        async def read() -> dict[str, int]:
            async with self.shop.pipeline.cluster() as cluster:
                await cluster.repeatable.indices.refresh(index=f"store-{self.shop.hash}")
                answer = await cluster.reads.search(
                    index=f"store-{self.shop.hash}", size=10_000, source_includes=["sync.version"]
                )
            return {hit["_id"]: hit["_source"]["sync"]["version"] for hit in answer["hits"]["hits"]}

        return asyncio.run(read())

    def capture(self, part: Part) -> None:
        """Reads every record of a kind as a slow writer would, that comes back with it much later."""

        async def read() -> list[Item]:
            pipeline = self.shop.pipeline
            async with (
                pipeline.catalog(pipeline.stores.get(self.shop.hash)) as catalog,
                StoreSource(catalog, batch_id=0, clock=self.clock) as source,
                aclosing(source.items(part)) as pages,
            ):
                return [_as_delete(item) for page in [page async for page in pages] for item in page]

        self.captured.append((part, asyncio.run(read())))

    def write_late(self, which: int) -> None:
        """The slow writer delivers what it captured, to the index that is live now."""
        if self.captured:
            asyncio.run(self._write_late(*self.captured[which % len(self.captured)]))

    async def _write_late(self, part: Part, items: Sequence[Item]) -> None:
        pipeline, scope = self.shop.pipeline, f"store:{self.shop.hash}"
        letters = DeadLetters(pipeline.ledger, PIPELINE, scope, 0)

        async def pages() -> AsyncGenerator[Sequence[Item]]:
            yield items

        async with pipeline.cluster() as cluster:
            store = pipeline.stores.get(self.shop.hash)
            live = await LiveIndex.find(
                cluster,
                store,
                kind_of(part),
                identity=identity_of(pipeline.ledger),
                confirmed=True,
                next_version=_never,
            )
            if live is None:
                return
            delivery = Delivery(
                live.documents,
                fence=lambda: None,
                record_tombstones=Tombstones(pipeline.ledger, scope, 0).record_tombstones,
                keep=letters.add,
                supersede=letters.supersede,
                min_version=live.first_version,
                clock=self.clock,
            )
            await delivery.run(pages())
            await StoreIndices(cluster, self.shop.hash).refresh(live.name)

    def run(
        self,
        run: Run,
        work: Callable[[StoreSearch, BatchPart], Coroutine[Any, Any, object]],
        before_step: Steps | Interruptions,
        lane: LaneName,
    ) -> SyncBatch:
        """Does the work as a batch that holds the lane; the batch as it ended. Raises what ended it."""
        ledger = self.shop.pipeline.ledger
        interruptions = before_step if isinstance(before_step, Interruptions) else Interruptions(before_step)
        pipeline = replace(
            self.shop.pipeline, ledger=WatchedLedger(ledger.engine, self.clock, watch=interruptions.step)
        )
        mine = UnclosingLedger(ledger.engine, self.clock) if interruptions.poison else ledger
        if self.killed.pop(lane, None) is not None:
            self.reap()
        batch: SyncBatch | None = None
        try:
            with batch_part(mine, run, lane=lane, pause=self.pass_time) as part:
                batch = part.batch
                assert isinstance(part.lane, Lane)
                part.lane = WatchedLane.over(part.lane, interruptions.step)
                self.living[lane] = part
                asyncio.run(work(pipeline, part))
        except BaseException:
            # Of a dead process nothing is heard any more.
            if not interruptions.dead:
                raise
        finally:
            if batch is not None and self.is_at_work(lane, batch):
                del self.living[lane]
        if interruptions.error is not None:
            raise interruptions.error
        assert batch is not None
        if interruptions.dead:
            self.killed[lane] = batch
            raise KilledError
        return ledger.get(batch.id)

    def is_at_work(self, lane: LaneName, batch: SyncBatch | None = None) -> bool:
        """Whether this batch, or any, is alive and holds the lane."""
        part = self.living.get(lane)
        return part is not None and (batch is None or part.batch.id == batch.id)


def _as_delete(item: Item) -> Item:
    return Operation(item.key, item.version, Action.DELETE) if isinstance(item, Filtered) else item


async def _never() -> int:
    raise AssertionError("a late writer draws no version")
