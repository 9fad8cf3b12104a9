"""One chunk into a destination, until every operation of it has an outcome.

Retries, bisection, tombstones and the fence live here, once, for every destination.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from sync_pipeline.delivery.bisection import Refused, find_refused
from sync_pipeline.operations import (
    Action,
    AnswerError,
    ChunkRejectedError,
    ItemError,
    Operation,
    Outcome,
    Rejected,
    RetryableDestinationError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from typing import TypeAlias

    from sync_pipeline.backoff import Backoff
    from sync_pipeline.clock import Clock
    from sync_pipeline.delivery.bisection import Chunk
    from sync_pipeline.delivery.books import Books
    from sync_pipeline.delivery.destination import Destination
    from sync_pipeline.operations import Filtered, ItemResult, Unchanged

    #: What became of one operation of a chunk; an operation is what is to be sent instead of it, at once.
    _Result: TypeAlias = ItemResult | Operation[Any]


class Surroundings(Protocol):
    """What a writer needs of its delivery; ``Delivery`` says what each of them is."""

    destination: Destination[Any]
    fence: Callable[[], None]
    record_tombstones: Callable[[Sequence[Operation[Any] | Filtered]], Mapping[str, int]]
    supersede: Callable[[Mapping[str, int]], None]
    on_written: Callable[[Sequence[str]], None] | None
    reread: Callable[[Sequence[Operation[Any]]], Awaitable[Sequence[Operation[Any] | Outcome]]] | None
    books: Books
    min_version: int
    backoff: Backoff
    clock: Clock

    async def give_up(self, rejected: Sequence[Rejected]) -> None:
        """Books records that cannot be delivered, and stores them as dead letters."""
        ...


@dataclass(frozen=True)
class ChunkWriter:
    """One of a delivery's writers."""

    delivery: Surroundings

    async def deliver(self, chunk: Chunk) -> None:
        """Writes the chunk until every operation has an outcome. One that is too large goes in halves."""
        while chunk:
            refused = await self._send(chunk)
            if refused is None:
                return
            chunk = refused.operations
            if len(chunk) > 1 and sum(one.size for one in chunk) > self.delivery.destination.max_bytes:
                middle = len(chunk) // 2
                await self.deliver(chunk[:middle])
                chunk = chunk[middle:]
            else:
                alone, chunk = await find_refused(refused, self._send)
                if alone is not None:
                    [operation] = alone.operations
                    await self.delivery.give_up([_rejected(operation, alone.error.kind, str(alone.error))])

    async def _send(self, chunk: Chunk) -> Refused | None:
        """Writes the chunk until every operation has an outcome, or what is left of it is refused as a whole."""
        tried = 0
        answer_lost = False
        while chunk:
            try:
                results = await (self._read_again(chunk) if answer_lost else self._write(chunk))
            except ChunkRejectedError as error:
                return Refused(chunk, error)
            except RetryableDestinationError as error:
                asked, last = error.wait, error
                safe = self.delivery.destination.capabilities.safe_to_resend or error.refused
                answer_lost = answer_lost or not safe
            else:
                answer_lost = False
                anew, busy, last = await self._account(chunk, results)
                chunk, asked = anew + busy, None
                if not busy:
                    continue
            tried += 1
            if tried >= self.delivery.backoff.attempts:
                raise RetryableDestinationError(f"gave up after {tried} attempts: {last}", wait=asked) from last
            await self.delivery.clock.sleep(self.delivery.backoff.wait(tried, asked))
        return None

    async def _write(self, chunk: Chunk) -> Sequence[_Result]:
        """Writes the chunk; an upsert that is older than a tombstone goes as the delete that the tombstone says.

        The tombstones are asked again after the write: a delete that came between may have been there first, and
        forgotten by the destination. Such an upsert goes again, as that delete.
        """
        delivery = self.delivery
        await asyncio.to_thread(delivery.fence)
        too_old = {op.key: delivery.min_version for op in chunk if op.version < delivery.min_version}
        gone_at = {**too_old, **await asyncio.to_thread(delivery.record_tombstones, chunk)}
        sent = [_as_delete(operation, gone_at) for operation in chunk]
        answered = await delivery.destination.write(sent)
        _check_answer(delivery.destination, sent, answered)
        await asyncio.to_thread(delivery.fence)
        alive = [op for op in chunk if op.action is Action.UPSERT and not _is_older(op, gone_at)]
        late = await asyncio.to_thread(delivery.record_tombstones, alive) if alive else {}
        results: list[_Result] = []
        for operation, result in zip(chunk, answered, strict=True):
            if _is_older(operation, late):
                results.append(operation)
            elif _is_older(operation, gone_at) and not isinstance(result, ItemError):
                results.append(Outcome.STALE)
            else:
                results.append(result)
        return results

    async def _read_again(self, chunk: Chunk) -> Sequence[_Result]:
        """Has the caller read operations that may have been applied."""
        assert self.delivery.reread is not None  # noqa: S101 - checked when the delivery was made
        results = await self.delivery.reread(chunk)
        await asyncio.to_thread(self.delivery.fence)
        return results

    async def _account(
        self, chunk: Chunk, results: Sequence[_Result]
    ) -> tuple[Chunk, Chunk, RetryableDestinationError]:
        """Counts what is final; returns what is to be sent at once, and what the destination was only too busy for."""
        anew: Chunk = []
        busy: Chunk = []
        rejected: list[Rejected] = []
        settled: Chunk = []
        written: list[str] = []
        why = ""
        for operation, result in zip(chunk, results, strict=True):
            match result:
                case Operation():
                    anew.append(result)
                case ItemError(retryable=True):
                    busy.append(operation)
                    why = result.message
                case ItemError():
                    rejected.append(_rejected(operation, result.reason, result.message))
                case _:
                    self.delivery.books.settle(operation, result)
                    settled.append(operation)
                    if result is Outcome.WRITTEN:
                        written.append(operation.key)
        if written and self.delivery.on_written is not None:
            await asyncio.to_thread(self.delivery.on_written, written)
        if settled:
            await asyncio.to_thread(self.delivery.supersede, versions_of(settled))
        await self.delivery.give_up(rejected)
        return anew, busy, RetryableDestinationError(why)


#: What a destination may say of an operation that it took.
_ANSWERS = {
    Action.UPSERT: {Outcome.WRITTEN, Outcome.UNCHANGED, Outcome.STALE},
    Action.DELETE: {Outcome.DELETED, Outcome.UNCHANGED, Outcome.STALE},
}


def _check_answer(destination: Destination[Any], sent: Chunk, answered: Sequence[ItemResult]) -> None:
    """Raises AnswerError unless every operation has one answer that it can have: the books are made of them."""
    name = type(destination).__name__
    if len(answered) != len(sent):
        raise AnswerError(f"{name} answered {len(answered)} of {len(sent)} operations: its connector is wrong")
    for operation, answer in zip(sent, answered, strict=True):
        if not isinstance(answer, ItemError) and answer not in _ANSWERS[operation.action]:
            raise AnswerError(f"{name} answered {answer!s} to an {operation.action.value}: its connector is wrong")


def versions_of(items: Iterable[Operation[Any] | Filtered | Unchanged]) -> dict[str, int]:
    """Returns the newest version of each key."""
    versions: dict[str, int] = {}
    for item in items:
        versions[item.key] = max(item.version, versions.get(item.key, item.version))
    return versions


def _rejected(operation: Operation[Any], reason: str, message: str) -> Rejected:
    body = operation.body
    payload = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body, enc_hook=repr)
    return Rejected(operation.key, reason, message, payload, operation.version, operation.record)


def _is_older(operation: Operation[Any], gone_at: Mapping[str, int]) -> bool:
    return operation.action is Action.UPSERT and operation.version < gone_at.get(operation.key, 0)


def _as_delete(operation: Operation[Any], gone_at: Mapping[str, int]) -> Operation[Any]:
    if not _is_older(operation, gone_at):
        return operation
    return Operation(operation.key, gone_at[operation.key], Action.DELETE, record=operation.record)
