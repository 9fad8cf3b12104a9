"""A shop whose batches are interrupted: other things happen between their steps, or they die.

A step is a check of the lane's fence: there is one before every write, before every acknowledgement, and before an
index is created, published or removed.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from threading import Lock, Thread
from typing import Any

from sync_pipeline.batches.database import LedgerUnavailableError
from sync_pipeline.batches.lanes import Lane
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.parts import BatchPart, Run, batch_part
from sync_pipeline.batches.queue import reap
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.delivery.dead_letters import DeadLetters
from sync_pipeline.delivery.deliver import Delivery
from sync_pipeline.delivery.tombstones import Tombstones
from sync_pipeline.operations import Action, Filtered, Item, Operation
from sync_pipeline.pipelines.store_search.live import LiveIndex
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.source import StoreSource
from sync_pipeline.pipelines.store_search.types import IMPORTS, PIPELINE, BatchType, Part, kind_of
from sync_pipeline_tests.clocks import HurriedClock
from sync_pipeline_tests.pipelines.store_search.conftest import Shop

#: What happens before which step, from 1 on; None is the end of the process.
Steps = Mapping[int, Callable[[], None] | None]


class KilledError(Exception):
    """The process of the batch is no more."""


@dataclass(frozen=True, kw_only=True)
class WatchedLane(Lane):
    """A lane that tells of every check before it is made."""

    watch: Callable[[], None]

    def check(self) -> None:
        self.watch()
        super().check()


class UnclosingLedger(Ledger):
    """The ledger as somebody has it who is killed: nothing closes the batch."""

    def fail(self, batch: SyncBatch, **_: Any) -> SyncBatch:
        raise LedgerUnavailableError(f"nobody is there to close batch {batch.id}")


@dataclass
class Interruptions:
    """Makes happen what is to happen between the steps of a batch. A dead process takes no step."""

    before_step: Steps
    steps: int = 0
    dead: bool = False
    lock: Lock = field(default_factory=Lock)

    def step(self) -> None:
        with self.lock:
            self.steps += 1
            act = self.before_step.get(self.steps, lambda: None)
            self.dead = self.dead or act is None
            if self.dead or act is None:
                raise KilledError
            # Whoever checks may have an event loop running; what happens meanwhile is somebody else's.
            other = Thread(target=act)
            other.start()
            other.join()

    @property
    def deadly(self) -> bool:
        return None in self.before_step.values()


@dataclass
class InterruptedShop:
    """The shop, its pipeline on a clock that tests move, and what batches left behind."""

    shop: Shop
    clock: HurriedClock
    killed: SyncBatch | None = None
    captured: list[tuple[Part, Sequence[Item]]] = field(default_factory=list)

    @classmethod
    def of(cls, shop: Shop) -> InterruptedShop:
        clock = HurriedClock()
        ledger = Ledger(shop.pipeline.ledger.engine, clock)
        stores = replace(shop.pipeline.stores, ledger=ledger)
        pipeline = replace(shop.pipeline, ledger=ledger, stores=stores, clock=clock)
        return cls(replace(shop, pipeline=pipeline), clock)

    def pass_time(self, seconds: float) -> None:
        """Lets it become later, here and at the store."""
        self.clock.advance(seconds)
        self.shop.sandbox.admin.advance_clock(seconds)

    def sync(
        self,
        before_step: Steps,
        *,
        lane: LaneName = LaneName.BULK,
        batch_id: int | None = None,
        **options: Any,
    ) -> SyncBatch:
        """Runs the three imports as a batch, or as that there is; the batch as it ended. Raises what ended it."""

        async def work(part: BatchPart) -> None:
            async with aclosing(self.shop.pipeline.imports(part, IMPORTS)) as outcomes:
                async for _, outcome in outcomes:
                    if isinstance(outcome, Exception):
                        raise outcome

        request = store_request(self.shop.hash, BatchType.ALL, **options)
        planned = tuple(part.value for part in IMPORTS)
        return self._run(Run(secrets.token_hex(8), planned, request, batch_id), work, before_step, lane)

    def reindex(self, before_step: Steps, words: Sequence[str], *, batch_id: int | None = None) -> SyncBatch:
        """Adds stop words and has the indices copied."""
        stores = self.shop.pipeline.stores
        stores.add_stop_words(self.shop.hash, words)

        async def work(part: BatchPart) -> None:
            await self.shop.pipeline.stop_words(part)

        request = store_request(self.shop.hash, BatchType.STOP_WORDS)
        run = Run(secrets.token_hex(8), (Part.STOP_WORDS.value,), request, batch_id)
        return self._run(run, work, before_step, LaneName.BULK)

    def restart(self) -> SyncBatch | None:
        """What a supervisor does after a kill: closes the batch as lost and runs it again."""
        batch, self.killed = self.killed, None
        if batch is None:
            return None
        self.pass_time(60)
        assert batch.id in [lost.id for lost in reap(self.shop.pipeline.ledger)]
        batch = self.shop.pipeline.ledger.retry(batch.id)
        if batch.type == BatchType.STOP_WORDS:
            return self.reindex({}, [], batch_id=batch.id)
        return self.sync({}, batch_id=batch.id)

    def versions(self) -> dict[str, int]:
        """The version of every document that searches can see."""

        async def read() -> dict[str, int]:
            async with self.shop.pipeline.cluster() as cluster:
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
            live = await LiveIndex.find(cluster, store, kind_of(part), confirmed=True, draw=_never)
            if live is None:
                return
            delivery = Delivery(
                BulkIndex(cluster, live.name),
                fence=lambda: None,
                bury=Tombstones(pipeline.ledger, scope, 0).bury,
                keep=letters.keep,
                supersede=letters.supersede,
                floor=live.first_version,
                clock=self.clock,
            )
            await delivery.run(pages())
            await StoreIndices(cluster, self.shop.hash).refresh(live.name)

    def _run(self, run: Run, work: Callable[[BatchPart], Any], before_step: Steps, lane: LaneName) -> SyncBatch:
        ledger = self.shop.pipeline.ledger
        interruptions = Interruptions(before_step)
        mine = UnclosingLedger(ledger.engine, self.clock) if interruptions.deadly else ledger
        batch: SyncBatch | None = None
        if self.killed is not None and lane is LaneName.BULK:
            self.pass_time(60)
            reap(ledger)
            self.killed = None
        try:
            with batch_part(mine, run, lane=lane, pause=self.clock.advance) as part:
                batch = part.batch
                held = part.lane
                part.lane = WatchedLane(
                    held.ledger, held.scope, held.name, held.holder, held.token, watch=interruptions.step
                )
                asyncio.run(work(part))
        except KilledError:
            self.killed = batch
            raise
        assert batch is not None
        return ledger.get(batch.id)


def _as_delete(item: Item) -> Item:
    return Operation(item.key, item.version, Action.DELETE) if isinstance(item, Filtered) else item


async def _never() -> int:
    raise AssertionError("a late writer draws no version")
