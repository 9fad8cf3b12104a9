"""What `deliver()` asks of a destination, and what comparing, previewing and verifying ask of one that can be read.

A new destination is a connector that has these attributes and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from sync_pipeline.operations import Body

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from sync_pipeline.operations import Capabilities, ItemResult, Operation, Stored


class Destination(Protocol[Body]):
    """Takes chunks of operations."""

    @property
    def capabilities(self) -> Capabilities:
        """What the destination does by itself."""
        ...

    @property
    def max_items(self) -> int:
        """The largest number of operations in a chunk."""
        ...

    @property
    def max_bytes(self) -> int:
        """The largest sum of body sizes in a chunk, in bytes; may shrink when the destination says 'too large'."""
        ...

    async def write(self, operations: Sequence[Operation[Body]]) -> Sequence[ItemResult]:
        """Returns one result for each operation, in order, after the destination acknowledged them.

        Raises RetryableDestinationError when the chunk was not acknowledged, ChunkRejectedError when the whole chunk
        was refused for what is in it, DestinationError when no chunk will be taken.
        """
        ...


class Readable(Destination[Body], Protocol[Body]):
    """A destination whose documents can be read back.

    All readings are complete or raise a SyncPipelineError: what cannot be read is never absent.
    """

    async def get(self, keys: Sequence[str], *, content: bool = False) -> Mapping[str, Stored]:
        """Returns the documents of some keys, as last written; those that are not there are left out."""
        ...

    def scan(self, *, content: bool = False, newer_than: int | None = None) -> AsyncGenerator[Sequence[Stored]]:
        """Yields all documents in pages, or those whose version is greater than ``newer_than``.

        At least everything that was acknowledged before the call is seen.
        """
        ...

    def keys(self) -> AsyncGenerator[Sequence[str]]:
        """Yields the keys of all documents in pages, likewise."""
        ...

    async def count(self) -> int:
        """Returns how many documents there are, likewise."""
        ...

    def content_of(self, operation: Operation[Body]) -> Mapping[str, Any]:
        """Returns what ``Stored.content`` is once the operation is written."""
        ...
