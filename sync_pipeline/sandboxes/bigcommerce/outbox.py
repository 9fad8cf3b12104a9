"""The events of one store on their way to its hooks: queue, mischief, retries, and threads that send.

Announcing costs the control API an append. What one delivery is on the wire is courier's business, which events there
are is events'. Retries fall due by the sandbox's clock; delays, which only reorder, by real time.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sync_pipeline.sandboxes.bigcommerce.blocklist import Blocklist
from sync_pipeline.sandboxes.bigcommerce.courier import Courier, signed
from sync_pipeline.sandboxes.bigcommerce.event_messages import EventSettings, EventsView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.sandboxes.bigcommerce.events import Event
    from sync_pipeline.sandboxes.bigcommerce.hooks import Hook, Hooks
    from sync_pipeline.sandboxes.bigcommerce.shapes import Record
    from sync_pipeline.sandboxes.kit.clock import Clock

#: After these waits a failed delivery is tried again; after the last the hook becomes inactive.
RETRY_SECONDS = (60, 180, 300, 600, 900, 1800, 3600, 7200, 21600, 50400, 86400)
#: How often the clocks are looked at while something waits for them.
LOOK_SECONDS = 0.05


@dataclass(slots=True)
class Delivery:
    """One event for one hook. ``failures`` counts the attempts that failed, or were not made to a blocked domain."""

    hook: Hook
    hash: str
    body: bytes
    failures: int = 0


class Outbox:
    """Sends what is announced, in order with one worker and no mischief. ``info`` is the store's, for its numbers."""

    def __init__(self, info: Record, hooks: Hooks, clock: Clock) -> None:
        self.settings = EventSettings()
        self.client_secret = ""
        self._info, self._hooks, self._clock = info, hooks, clock
        self._counts: Counter[str] = Counter()
        self._ready: deque[Delivery] = deque()
        self._delayed: list[tuple[float, int, Delivery]] = []
        self._retries: list[tuple[float, int, Delivery]] = []
        self._order = itertools.count()
        self._blocklist = Blocklist()
        self._changed = threading.Condition()
        self._workers: list[threading.Thread] = []
        self._draws = 0
        self._closed = False

    def announce(self, events: Sequence[Event]) -> None:
        """Queues the events for every hook that takes them."""
        now, store_hash, number = self._clock.now(), self._info["id"], self._info["store_id"]
        with self._changed:
            for event in events:
                self._counts["events"] += 1
                hooks = self._hooks.for_event(event.scope)
                if hooks:
                    digest, body = event.payload(store_hash, number, now)
                    for hook in hooks:
                        self._queue(Delivery(hook, digest, body))
            self._hire()
            self._changed.notify_all()

    def configure(self, settings: EventSettings) -> None:
        """Sets the mischief; the draws begin again from its seed. What is queued already is sent as it was drawn."""
        with self._changed:
            self.settings, self._draws = settings, 0

    def view(self) -> EventsView:
        """Returns what became of the events since the last reset, and what still waits."""
        with self._changed:
            self._release()
            counts = {name: self._counts[name] for name in EventsView.counted}
            queued = len(self._ready) + len(self._delayed) + self._counts["under_way"]
            blocked = self._blocklist.blocked(self._clock.now())
            return EventsView(**counts, queued=queued, retrying=len(self._retries), blocked_domains=blocked)

    def reset_counts(self) -> None:
        """Starts counting again; what waits goes on waiting."""
        with self._changed:
            self._counts = Counter(under_way=self._counts["under_way"])

    def close(self) -> None:
        """Sends nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _queue(self, delivery: Delivery) -> None:
        self._draws += 1
        self._counts["deliveries"] += 1
        if self._draw("drop") < self.settings.dropped:
            self._counts["dropped"] += 1
            return
        copies = 1
        if self._draw("duplicate") < self.settings.duplicated:
            self._counts["duplicated"] += 1
            copies = 2
        for copy, each in enumerate(replace(delivery) for _ in range(copies)):
            if self._draw(f"delay{copy}") < self.settings.delayed:
                self._counts["delayed"] += 1
                due = time.monotonic() + self._draw(f"seconds{copy}") * self.settings.delay_seconds
                heapq.heappush(self._delayed, (due, next(self._order), each))
            else:
                self._ready.append(each)

    def _draw(self, what: str) -> float:
        digest = blake2b(f"{self.settings.seed}:{self._draws}:{what}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def _hire(self) -> None:
        while len(self._workers) < self.settings.workers and (self._ready or self._delayed):
            worker = threading.Thread(target=self._work, name=f"events of {self._info['id']}", daemon=True)
            self._workers.append(worker)
            worker.start()

    def _work(self) -> None:
        courier = Courier()
        while (delivery := self._next()) is not None:
            signature: dict[str, str] = {}
            if self.client_secret:
                signature = signed(self.client_secret, delivery.hash, self._clock.now(), delivery.body)
            delivered = courier.deliver(delivery.hook, delivery.body, signature, self.settings.timeout_seconds)
            self._ended(delivery, delivered=delivered)
        courier.close()

    def _next(self) -> Delivery | None:
        """Returns the next delivery to attempt, as soon as there is one; None when the outbox is closed."""
        with self._changed:
            while not self._closed:
                self._release()
                while self._ready:
                    delivery = self._ready.popleft()
                    if not delivery.hook.is_active:
                        self._counts["discarded"] += 1
                    elif self._blocklist.blocks(_domain(delivery), self._clock.now()):
                        self._counts["held_back"] += 1
                        self._again(delivery)
                    else:
                        self._counts["under_way"] += 1
                        return delivery
                self._changed.wait(LOOK_SECONDS if self._delayed or self._retries else None)
            return None

    def _release(self) -> None:
        for waiting, now in ((self._delayed, time.monotonic()), (self._retries, self._clock.now())):
            while waiting and waiting[0][0] <= now:
                self._ready.append(heapq.heappop(waiting)[2])

    def _ended(self, delivery: Delivery, *, delivered: bool) -> None:
        with self._changed:
            self._counts["under_way"] -= 1
            self._counts["sent"] += 1
            self._counts["delivered" if delivered else "failed"] += 1
            self._blocklist.record(_domain(delivery), self._clock.now(), delivered=delivered)
            if not delivered:
                self._again(delivery)

    def _again(self, delivery: Delivery) -> None:
        if delivery.failures == len(RETRY_SECONDS):
            self._counts["given_up"] += 1
            delivery.hook.is_active = False
            return
        due = self._clock.now() + RETRY_SECONDS[delivery.failures] * self.settings.retry_factor
        delivery.failures += 1
        heapq.heappush(self._retries, (due, next(self._order), delivery))


def _domain(delivery: Delivery) -> str:
    return urlsplit(delivery.hook.destination).netloc
