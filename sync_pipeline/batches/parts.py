"""`batch_part()`: the one context in which every part (asset) of a run works.

The first part of a run claims the run's batch, or makes one when somebody started the run by hand; every part beats the
heart and renews the lane; a failing part closes the batch `failed`; the last planned part closes it `completed`.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sync_pipeline.batches.database import LedgerUnavailableError
from sync_pipeline.batches.executors import Executor
from sync_pipeline.batches.failures import Failure, describe
from sync_pipeline.batches.lanes import FencedError, Lane, LaneBusyError, NoLane, acquire
from sync_pipeline.batches.ledger import BatchLostError, BatchNotPendingError, lane_holder
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.batches.states import Status
from sync_pipeline.errors import one_line
from sync_pipeline.logs import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sync_pipeline.batches.ledger import BatchRequest, Ledger
    from sync_pipeline.batches.models import SyncBatch

HEARTBEAT_SECONDS = 2.0
#: How long a run waits for a lane that another holds. Longer than a dead holder's lease.
LANE_WAIT = timedelta(minutes=5)

log = Log("sync_pipeline.batches")


@dataclass(frozen=True)
class Run:
    """One run as the ledger sees it: its id, the parts it plans, and its batch.

    ``batch`` is the number of the batch that it carries or, of a run that carries none, the request of one; ``attempt``
    the only attempt of it that the run may take, where it was started for one.
    """

    run_id: str
    planned: tuple[str, ...]
    batch: int | BatchRequest
    attempt: int | None = None


@dataclass
class BatchPart:
    """What a part may do with its batch."""

    ledger: Ledger
    batch: SyncBatch
    lane: Lane | NoLane
    #: Running figures by part; read by the heartbeat, so that others see how far the work is.
    progress: dict[str, Callable[[], dict[str, Any]]] = field(default_factory=dict)
    _recording: threading.Lock = field(default_factory=threading.Lock)

    def record(self, part: str, counts: dict[str, Any]) -> None:
        """Writes the figures of a finished part. Parts that end at once may do so from threads of their own."""
        self.lane.check()
        batch = self.ledger.record_part(self.batch, part, counts)
        with self._recording:
            # Answers overtake each other: the one with the most figures is the newest, and tells whether all are in.
            if len(batch.counts) >= len(self.batch.counts):
                self.batch = batch

    def running_stats(self) -> dict[str, Any]:
        """Returns the progress of every part that reports one."""
        return {part: stats() for part, stats in self.progress.items()}


@contextmanager
def batch_part(
    ledger: Ledger,
    run: Run,
    *,
    lane: LaneName | None = None,
    lane_wait: timedelta = LANE_WAIT,
    pause: Callable[[float], None] = time.sleep,
    describe: Callable[[BaseException], Failure] = describe,
) -> Iterator[BatchPart]:
    """Claims or continues the run's batch, holds its lane while the block works, and closes the batch when due.

    ``lane`` is the batch's own unless another is given. One that has none works beside whoever holds the scope's lanes.
    ``describe`` says what the ledger keeps of what the block raises.
    Raises BatchNotFoundError, BatchNotPendingError, LaneBusyError; re-raises what the block raises, after closing.
    """
    batch = _claim(ledger, run)
    try:
        name = lane or (batch.lane and LaneName(batch.lane))
        held = _wait_for_lane(ledger, batch, name, lane_wait, pause) if name else NoLane()
        part = BatchPart(ledger, batch, held)
        with _beating(part):
            yield part
        if set(part.batch.counts) >= set(run.planned):
            ledger.complete(part.batch)
            log.info("batch completed", batch=batch.id, store=batch.store_hash, run=run.run_id)
    except BaseException as error:
        _close_failed(ledger, batch, describe(error))
        raise


def _claim(ledger: Ledger, run: Run) -> SyncBatch:
    batch = ledger.of_run(run.run_id)
    if batch is None or batch.status == Status.PENDING:
        number = batch.id if batch else run.batch if isinstance(run.batch, int) else ledger.request(run.batch).id
        return ledger.claim(number, run_id=run.run_id, planned=run.planned, attempt=run.attempt)
    if batch.status != Status.PROCESSING:
        raise BatchNotPendingError(f"batch {batch.id} of this run is already {batch.status}: this part is not run")
    if batch.executor not in {None, str(Executor.this())}:
        # Dagster asks for a process once more when a code server was too slow to say that it has started one.
        raise BatchNotPendingError(f"batch {batch.id} of this run is at work in another process: this one does nothing")
    return batch


def _wait_for_lane(
    ledger: Ledger, batch: SyncBatch, name: LaneName, bound: timedelta, pause: Callable[[float], None]
) -> Lane:
    give_up_at = ledger.clock.monotonic() + bound.total_seconds()
    while True:
        try:
            return acquire(ledger, batch.scope, name, lane_holder(batch))
        except LaneBusyError:
            if ledger.clock.monotonic() >= give_up_at:
                raise
        ledger.heartbeat(batch)
        pause(1.0)


@contextmanager
def _beating(part: BatchPart) -> Iterator[None]:
    """Beats the batch's heart from a thread while the block works, and once more at its end."""
    done = threading.Event()

    def beat() -> None:
        # Each by itself: somebody who locks the batch's row keeps no lane from being renewed.
        for sign in (lambda: part.ledger.heartbeat(part.batch, part.running_stats()), part.lane.renew):
            try:
                sign()
            except (BatchLostError, FencedError) as error:
                # The fence refuses the next write; nothing to do here but say so.
                log.error("batch lost", batch=part.batch.id, error=one_line(error))
            except Exception as error:  # noqa: BLE001 - a heart that stops for one missed beat would lose the batch
                log.warning("heartbeat missed", batch=part.batch.id, error=one_line(error))

    def keep_beating() -> None:
        while not done.wait(HEARTBEAT_SECONDS):
            beat()

    beat()
    thread = threading.Thread(target=keep_beating, name=f"heartbeat-{part.batch.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    beat()


def _close_failed(ledger: Ledger, batch: SyncBatch, failure: Failure) -> None:
    log.error(
        "batch failed", batch=batch.id, scope=batch.scope, type=batch.type, kind=failure.kind, error=failure.message
    )
    try:
        ledger.fail(batch, **asdict(failure))
    except BatchLostError:
        return  # closed by another meanwhile, with its own reason
    except LedgerUnavailableError as away:
        log.error("batch left open for the reaper", batch=batch.id, error=one_line(away))
