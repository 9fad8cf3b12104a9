"""An interrupted shop whose edits are told by webhooks, and the drains that apply what was told."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle

from sqlalchemy import select

from sync_pipeline.batches.models import DeadLetter, SyncBatch
from sync_pipeline.batches.parts import BatchPart, Run
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.batches.states import Status
from sync_pipeline.delivery.books import balances
from sync_pipeline.pipelines.store_search import sync
from sync_pipeline.pipelines.store_search.events.inbox import NewEvent, store_events
from sync_pipeline.pipelines.store_search.events.models import WebhookEvent
from sync_pipeline.pipelines.store_search.requests import events_request
from sync_pipeline.pipelines.store_search.runtime import StoreSearch
from sync_pipeline.pipelines.store_search.stores.stores import store_scope
from sync_pipeline.pipelines.store_search.types import EVENTS, IMPORTS, BatchType
from sync_pipeline_tests.properties.edits import Edit
from sync_pipeline_tests.properties.interrupted_shop import InterruptedShop
from sync_pipeline_tests.properties.interruptions import Steps
from sync_pipeline_tests.properties.webhooks import Fate, Webhooks


@dataclass
class ToldShop(InterruptedShop):
    """``late`` are the webhooks that have yet to come, ``told`` says how many came."""

    webhooks: Webhooks = field(init=False)
    late: list[NewEvent] = field(default_factory=list)
    told: int = 0

    def __post_init__(self) -> None:
        self.webhooks = Webhooks(self.shop)

    def edit(self, edit: Edit, fates: Sequence[Fate]) -> None:
        """Makes the edit; its webhooks meet the fates, in turn."""
        edit.apply(self.shop)
        for event, fate in zip(self.webhooks.take(), cycle(fates)):
            self._tell([event] * fate.at_once)
            self.late += [event] * fate.late

    def tell_late(self, which: int) -> None:
        """One of the webhooks that were held back comes after all."""
        if self.late:
            self._tell([self.late.pop(which % len(self.late))])

    def tell_all(self) -> None:
        """All of them come, the newest first."""
        while self.late:
            self.tell_late(-1)

    def drain(self, before_step: Steps) -> SyncBatch:
        """Applies what was told, as a batch in the lane for events; the batch as it ended. Raises what ended it."""
        run_id = secrets.token_hex(8)
        run = Run(run_id, (EVENTS,), replace(events_request(self.shop.hash), reserved_for=run_id))

        async def work(pipeline: StoreSearch, part: BatchPart) -> None:
            await sync.drain_events(pipeline, part, linger=0)

        return self.run(run, work, before_step, LaneName.EVENTS)

    def do_as_asked(self) -> list[SyncBatch]:
        """Runs the batches that drains and batches asked for; as they ended."""
        of_shop = self.shop.pipeline.ledger.list(scope=store_scope(self.shop.hash), status=Status.PENDING)
        imports = {one.id: [part for part in IMPORTS if part in BatchType(one.type).parts] for one in of_shop}
        return [self.sync({}, batch_id=number, parts=parts) for number, parts in imports.items()]

    def oversleep(self, lane: LaneName) -> None:
        """Whoever holds the lane is silent for so long that it is held for dead; what it does then comes too late."""
        self.living.pop(lane, None)
        self.reap()

    def check_events(self, newest: SyncBatch) -> None:
        """Whatever was told came to an end, and the books of the drain that was the last agree with that."""
        ledger, scope = self.shop.pipeline.ledger, newest.scope
        with ledger.session() as session:
            events = session.scalars(select(WebhookEvent).where(WebhookEvent.store_hash == self.shop.hash)).all()
            unusable = set(session.scalars(select(DeadLetter.key).where(DeadLetter.scope == scope)))
        assert sum(event.received for event in events) == self.told
        assert [event.key for event in events if event.state not in {"done", "coalesced", "dead"}] == []
        assert {event.key for event in events if event.state == "dead"} <= unusable
        stats, mine = newest.counts[EVENTS], [event.state for event in events if event.batch_id == newest.id]
        assert balances(stats)
        assert (stats["events_done"], stats["events_dead"]) == (mine.count("done"), mine.count("dead"))

    def _tell(self, events: Sequence[NewEvent]) -> None:
        if events:
            store_events(self.shop.pipeline.ledger, events)
            self.told += len(events)
