"""What `deliver()` asks of a destination. A new one is a connector that has these attributes and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.operations import ItemResult, Operation


class Destination(Protocol):
    """Takes chunks of operations. Writes must be idempotent and versioned: an older version never wins."""

    @property
    def max_items(self) -> int:
        """The largest number of operations in a chunk."""
        ...

    @property
    def max_bytes(self) -> int:
        """The largest sum of body sizes in a chunk, in bytes; may shrink when the destination says 'too large'."""
        ...

    async def write(self, operations: Sequence[Operation]) -> Sequence[ItemResult]:
        """One result for each operation, in order, after the destination acknowledged them.

        Raises RetryableDestinationError when the chunk was not acknowledged, ChunkRejectedError when the whole chunk
        was refused for what is in it, DestinationError when no chunk will be taken.
        """
        ...
