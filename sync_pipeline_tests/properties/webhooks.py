"""What a sandbox shop tells of its edits, kept to be told when and as often as a test wants: no courier, no threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from sync_pipeline.api.bigcommerce.event_bodies import parse_event
from sync_pipeline.pipelines.store_search.events.inbox import NewEvent
from sync_pipeline.pipelines.store_search.events.scopes import CHANNEL_SCOPES, STORE_SCOPES
from sync_pipeline.sandboxes.bigcommerce.events import Event
from sync_pipeline.sandboxes.bigcommerce.outbox import Outbox
from sync_pipeline_tests.pipelines.store_search.conftest import Shop


class Fate(NamedTuple):
    """How often a webhook comes at once, and how often it comes late: after others, perhaps after its record is gone.

    BigCommerce promises neither the order nor that each comes once.
    """

    at_once: int
    late: int

    @property
    def is_lost(self) -> bool:
        return self == (0, 0)


ON_TIME = Fate(1, 0)
FATES = st.sampled_from([ON_TIME, ON_TIME, ON_TIME, Fate(2, 0), Fate(1, 1), Fate(0, 1), Fate(0, 0)])


class Webhooks(Outbox):
    """The outbox of a shop that keeps the events for which `webhooks register` would have made a hook.

    ``second`` dates them: two edits alike within one second have the same hash.
    """

    def __init__(self, shop: Shop) -> None:
        store = shop.sandbox.sandbox.store(shop.hash)
        super().__init__(store.catalog.info, store.hooks, store.clock)
        channels = [channel["id"] for channel in shop.records("channels")]
        of_channels = [scope.format(channel=number) for scope in CHANNEL_SCOPES for number in channels]
        self.scopes = frozenset([*STORE_SCOPES, *of_channels])
        self.second = 0
        self._kept: list[NewEvent] = []
        store.outbox = self

    def announce(self, events: Sequence[Event]) -> None:
        """Keeps the events as the receiver would read them."""
        for event in events:
            if event.scope in self.scopes:
                _, body = event.payload(self._info["id"], self._info["store_id"], self.second)
                parsed = parse_event(body, self._info["id"])
                assert parsed is not None, f"{event.scope} is registered, but nothing of ours"
                self._kept.append(parsed)

    def take(self) -> list[NewEvent]:
        """What was told since the last time."""
        kept, self._kept = self._kept, []
        return kept
