"""Versions that never go back, for whatever destination remembers them.

A ledger that was restored from a backup draws versions that lie below those in the destination: every write would be
stale, and what is old would win. So whatever opens a destination for writing compares first, before it reads a record.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from sync_pipeline.batches.versions import is_ahead, raise_versions
from sync_pipeline.logs import Log

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync_pipeline.batches.ledger import Ledger

log = Log("sync_pipeline.delivery")


class Versioned(Protocol):
    """A destination that remembers versions."""

    async def highest_version(self) -> int:
        """Returns the highest version that it holds or refuses older writes by; 0 for an empty one.

        At least everything that was acknowledged before the call is seen.
        """
        ...


async def keep_ahead(
    ledger: Ledger, destination: Versioned, *, when_gone_back: Callable[[], None] = lambda: None
) -> bool:
    """Makes the versions that the ledger draws from now on larger than those of the destination.

    Returns whether they were not: the ledger has gone back in time, and what it remembers of its last synchronisations
    may be older than what the destination holds. ``when_gone_back`` forgets that, and must be one that may be done
    twice. Raises what reading the destination raises.
    """
    highest = await destination.highest_version()
    if await asyncio.to_thread(is_ahead, ledger, highest):
        return False
    # First, so that whoever dies between the two does both again: raised versions are all that one sees of it.
    await asyncio.to_thread(when_gone_back)
    raised = await asyncio.to_thread(raise_versions, ledger, highest)
    if raised:
        log.warning("versions raised: the ledger has gone back in time", above=highest)
    return raised
