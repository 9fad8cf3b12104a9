"""Which operation a chunk is refused for, found in few requests.

A destination that refuses a whole chunk for what is in it does not say for which operation. What belongs here: the
search. What does not: sending with retries, and what becomes of the operation (deliver.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sync_pipeline.operations import ChunkRejectedError, Operation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Chunk = list[Operation[Any]]


class Refused(NamedTuple):
    """Operations that the destination refused as a whole, for what is in them."""

    operations: Chunk
    error: ChunkRejectedError


async def find_refused(
    refused: Refused, send: Callable[[Chunk], Awaitable[Refused | None]]
) -> tuple[Refused | None, Chunk]:
    """Sends parts of a refused chunk until the operation that it is refused for stands alone.

    ``send`` returns what is refused of a chunk, None when all of it has its outcome. Half of the suspects are sent: if
    they are taken, the others are suspect, else they themselves are, and the others wait. Returns the operation that
    was refused alone, None when it was taken after all, and those that wait.

    Whoever knew the operation would send it alone, and then all others: this search makes at most log2 of the chunk's
    length requests more than that.
    """
    last: Refused | None = refused
    suspects = refused.operations
    waiting: Chunk = []
    while len(suspects) > 1:
        half, others = suspects[: len(suspects) // 2], suspects[len(suspects) // 2 :]
        last = await send(half)
        if last is None:
            suspects = others
        else:
            suspects = last.operations
            waiting += others
    return last or await send(suspects), waiting
