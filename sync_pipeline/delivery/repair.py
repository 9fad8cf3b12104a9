"""Repairing what a verification found: the differing keys' records, read anew, down the normal ordered path.

What belongs here: the items of a repair. What does not: finding what differs (verify.py).
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from sync_pipeline.errors import SyncPipelineError
from sync_pipeline.operations import Action, Filtered, Operation

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from sync_pipeline.delivery.deliver import Delivery
    from sync_pipeline.delivery.verify import Verifier
    from sync_pipeline.operations import Item

#: How far a stranger's write may have run ahead of the project's versions.
MAX_AHEAD = 10_000


class ForeignVersionError(SyncPipelineError):
    """Somebody else wrote a document with a version that the project's own will not reach."""

    kind = "foreign_version"


async def repair(verifier: Verifier, delivery: Delivery, *, next_version: Callable[[], Awaitable[int]]) -> None:
    """Delivers what differs as its source has it now, and counts what is as it should be afterwards.

    ``verifier`` has run; ``delivery`` is one into its destination, and ``next_version`` draws the versions with which
    its source reads. Raises DeleteGuardError when too much would be deleted, and what the delivery raises.
    """
    result, comparison = verifier.result, verifier.comparison
    if not result.keys:
        return
    stored = await comparison.destination.get(result.keys)
    newest = max((document.version for document in stored.values()), default=0)
    # Whoever writes without a version counts the document's own up.
    version = await next_version()
    for _ in range(MAX_AHEAD):
        if version > newest:
            break
        version = await next_version()
    else:
        raise ForeignVersionError(f"{comparison.what}: a version of {newest} was written by others. Run a full batch")
    await delivery.run(_fresh(verifier, version))
    result.repaired = len(result.keys) - len(await verifier.look(result.keys))


async def _fresh(verifier: Verifier, version: int) -> AsyncGenerator[Sequence[Item]]:
    """Yields the items of the differing keys; a document that is not wanted becomes a delete.

    Nothing is compared first: a stored fingerprint says nothing of a content that somebody else wrote beside it.
    """
    wanted = set(verifier.result.keys)
    found: set[str] = set()
    #: What is to go unless a newer reading of it is to stay.
    gone: dict[str, Operation[Any]] = {}
    async with aclosing(verifier.source.named(verifier.result.keys)) as pages:
        async for items in pages:
            page: list[Item] = []
            for item in items:
                if item.key not in wanted:
                    continue
                found.add(item.key)
                if isinstance(item, Operation) and item.action is Action.DELETE:
                    gone[item.key] = item
                elif isinstance(item, Filtered):
                    gone[item.key] = Operation(item.key, item.version, Action.DELETE, record=item.record)
                else:
                    gone.pop(item.key, None)
                    page.append(item)
            yield page
    # The version was drawn before they were not found.
    lacking = [Operation(key, version, Action.DELETE, absent=True) for key in sorted(wanted - found)]
    yield await verifier.comparison.guarded([*gone.values(), *lacking])
