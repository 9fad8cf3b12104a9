"""Cutting a stream of operations into the chunks that writers send, in an order that the destination can bear.

A destination that compares versions takes the chunks of one stream from whichever writer is free. Any other has a
stream for each writer: all writes of a key are in one of them, so they arrive in their order whatever becomes of the
others. What belongs here: chunks and their order. What does not: sending (writing.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sync_pipeline.delivery.key_hashes import key_hash

if TYPE_CHECKING:
    from sync_pipeline.delivery.bisection import Chunk
    from sync_pipeline.delivery.destination import Destination
    from sync_pipeline.operations import Operation


class Cutter:
    """One stream of operations, cut by number and bytes.

    ``ordered``: no key is twice in a chunk, and what is older than an earlier operation of its key is overtaken.
    """

    def __init__(self, destination: Destination[Any], *, ordered: bool) -> None:
        self._destination = destination
        self._ordered = ordered
        self._chunk: Chunk = []
        self._size = 0
        #: Of the present chunk, and the newest version that was ever added by key. Both only where ordered.
        self._keys: set[str] = set()
        self._newest: dict[str, int] = {}

    def is_overtaken(self, operation: Operation[Any]) -> bool:
        """Tells whether a newer version of the key was added before, which the destination could not compare."""
        return operation.version < self._newest.get(operation.key, operation.version)

    def add(self, operation: Operation[Any]) -> Chunk:
        """Adds an operation; returns the chunk that is complete without it, mostly an empty one."""
        complete: Chunk = []
        full = len(self._chunk) >= self._destination.max_items
        large = self._size + operation.size > self._destination.max_bytes
        if full or large or operation.key in self._keys:
            complete = self.rest()
        if self._ordered:
            self._keys.add(operation.key)
            self._newest[operation.key] = operation.version
        self._chunk.append(operation)
        self._size += operation.size
        return complete

    def rest(self) -> Chunk:
        """Returns the chunk that is still incomplete, and begins another."""
        chunk, self._chunk, self._size = self._chunk, [], 0
        self._keys.clear()
        return chunk


def cutters(destination: Destination[Any], writers: int) -> list[Cutter]:
    """Returns the streams into a destination: one for all writers or, where it keeps no versions, one for each."""
    if destination.capabilities.versioned:
        return [Cutter(destination, ordered=False)]
    return [Cutter(destination, ordered=True) for _ in range(writers)]


def stream_of(key: str, streams: int) -> int:
    """Returns the number of the stream that a key belongs to."""
    return key_hash(key) % streams if streams > 1 else 0
