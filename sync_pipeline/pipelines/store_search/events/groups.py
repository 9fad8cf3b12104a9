"""A handful of claimed events as the work that they ask for, and what becomes of each event afterwards. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sync_pipeline.pipelines.store_search.events.scopes import APP, CATEGORIES, STORE, is_deletion
from sync_pipeline.pipelines.store_search.types import Part, part_of_key

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sync_pipeline.pipelines.store_search.events.models import WebhookEvent


@dataclass(frozen=True)
class EventGroup:
    """Events that are worked on together; however many are about one key, it is fetched once."""

    events: Sequence[WebhookEvent]
    keys: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", frozenset(event.key for event in self.events))

    def of_part(self, part: Part) -> set[str]:
        """Returns the document ids of an import that are to be looked at again."""
        return {key for key in self.keys if part_of_key(key) is part}

    @property
    def deaths(self) -> int:
        """With how many drains that died these events were claimed, at most."""
        return max(event.attempts for event in self.events) - 1

    @property
    def announced_gone(self) -> set[str]:
        """The keys whose records were announced to be deleted."""
        return {event.key for event in self.events if is_deletion(event.scope)}

    @property
    def has_category_event(self) -> bool:
        """Whether what products take from categories may have changed."""
        return CATEGORIES in self.keys or any(key.startswith("category-") for key in self.keys)

    @property
    def has_store_event(self) -> bool:
        """Whether the store's currency or addresses may have changed."""
        return STORE in self.keys

    @property
    def has_uninstall_event(self) -> bool:
        """Whether the app was uninstalled."""
        return APP in self.keys

    def alone(self) -> list[EventGroup]:
        """Returns a group for each key."""
        by_key: dict[str, list[WebhookEvent]] = {}
        for event in self.events:
            by_key.setdefault(event.key, []).append(event)
        return [EventGroup(events) for events in by_key.values()]

    def ends(self, dead: Collection[str]) -> dict[int, str]:
        """Returns each event's last state.

        Of a key's events the newest is done or, if its key is among the ``dead``, dead.
        """
        newest = {event.key: event.id for event in sorted(self.events, key=lambda event: event.id)}
        return {
            event.id: "coalesced" if newest[event.key] != event.id else "dead" if event.key in dead else "done"
            for event in self.events
        }


@dataclass
class EventBooks:
    """The books of events: received = done + coalesced + dead, deliveries of one event counted each."""

    counts: Counter[str] = field(default_factory=Counter)

    def enter(self, group: EventGroup, ends: Mapping[int, str]) -> None:
        """Enters a group that was acknowledged."""
        for event in group.events:
            self.counts["received"] += event.received
            self.counts[ends[event.id]] += 1
            self.counts["coalesced"] += event.received - 1

    @property
    def balance(self) -> bool:
        """Whether every event has its end."""
        return self.counts["received"] == sum(self.counts[end] for end in ("done", "coalesced", "dead"))

    def as_dict(self) -> dict[str, int]:
        """Returns the figures for the ledger and for metadata."""
        return {f"events_{name}": self.counts[name] for name in ("received", "done", "coalesced", "dead")}
