"""What happens between the steps of a batch: something else, the end of its process, or the turn of another.

A step is a request that reads records, or a check of the lane's fence: there is one before every write, before every
acknowledgement, before events are claimed, and before an index is created, published or removed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Condition, Lock
from typing import Any

from sync_pipeline.batches.database import LedgerUnavailableError
from sync_pipeline.batches.lanes import Lane
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.models import SyncBatch

#: What happens before which step, from 1 on; None is the end of the process.
Steps = Mapping[int, Callable[[], None] | None]


class KilledError(BaseException):
    """The process of the batch is no more. Nobody catches that as an error of the work."""


@dataclass(frozen=True, kw_only=True)
class WatchedLane(Lane):
    """A lane that tells of every check before it is made."""

    watch: Callable[[], None]

    @classmethod
    def over(cls, lane: Lane, watch: Callable[[], None]) -> WatchedLane:
        return cls(lane.ledger, lane.scope, lane.name, lane.holder, lane.token, watch=watch)

    def check(self) -> None:
        self.watch()
        super().check()

    def renew(self) -> None:
        # The heart beats when it likes: that is no step.
        Lane(self.ledger, self.scope, self.name, self.holder, self.token).renew()


@dataclass(frozen=True, kw_only=True)
class WatchedLedger(Ledger):
    """The ledger as the source has it, that draws a version before each request: it tells of that before it does."""

    watch: Callable[[], None]

    def next_version(self) -> int:
        self.watch()
        return super().next_version()


class UnclosingLedger(Ledger):
    """The ledger as somebody has it who is killed: nothing closes the batch."""

    def fail(self, batch: SyncBatch, **_: Any) -> SyncBatch:
        raise LedgerUnavailableError(f"nobody is there to close batch {batch.id}")


def _at_once() -> None:
    """Whoever is alone has the turn."""


@dataclass
class Interruptions:
    """Makes happen what is to happen between the steps of a batch. A dead process takes no step.

    ``turn`` returns when the batch may take its next step. ``error`` is what went wrong with what happened meanwhile:
    the batch goes no further then.
    """

    before_step: Steps
    turn: Callable[[], None] = _at_once
    steps: int = 0
    dead: bool = False
    error: BaseException | None = None
    lock: Lock = field(default_factory=Lock)

    def step(self) -> None:
        with self.lock:
            if not self.dead:
                self.turn()
                self.steps += 1
                self._act(self.before_step.get(self.steps, _at_once))
            if self.dead:
                raise KilledError

    def _act(self, act: Callable[[], None] | None) -> None:
        if act is None:
            self.dead = True
            return
        # Whoever checks may have an event loop running; what happens meanwhile is somebody else's.
        with ThreadPoolExecutor(1) as other:
            self.error = other.submit(act).exception()
        self.dead = self.error is not None

    @property
    def poison(self) -> bool:
        return None in self.before_step.values()


class Alongside:
    """Work in a thread of its own that takes some steps when it is told to, and none of its own accord."""

    def __init__(self, work: Callable[[Callable[[], None]], object]) -> None:
        """``work`` gets the ``turn`` of its interruptions."""
        self._allowed = 0
        self._changed = Condition()
        self._threads = ThreadPoolExecutor(1)
        self._waits = False
        self._working: Future[object] = self._threads.submit(work, self._turn)
        self._working.add_done_callback(lambda _: self._tell())

    def go_on(self, steps: int) -> None:
        """Returns when it has taken so many steps, or is over."""
        with self._changed:
            self._allowed, self._waits = steps, False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waits or self._working.done())

    def finish(self) -> None:
        """Lets it come to its end. Raises what it raised."""
        with self._threads:
            while not self._working.done():
                self.go_on(1000)
        self._working.result()

    def _turn(self) -> None:
        with self._changed:
            self._waits = not self._allowed
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._allowed)
            self._allowed -= 1

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
