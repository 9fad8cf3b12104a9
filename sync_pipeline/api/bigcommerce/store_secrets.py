"""The opened secrets of stores, kept in memory for seconds: hundreds of webhooks a second ask the ledger rarely.

Only stores that exist are kept. Looking for others, or again for one whose secret did not fit, has a budget, so that
whoever makes up hashes or secrets cannot keep the ledger busy.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sync_pipeline.api.problems import RETRY_AFTER, ProblemError
from sync_pipeline.pipelines.store_search.stores.stores import UnknownStoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync_pipeline.pipelines.store_search.stores.stores import Stores

KEPT_SECONDS = 5.0
#: Looks on suspicion: so many at once, and so many more each second.
LOOKS, LOOKS_PER_SECOND = 50.0, 20.0


@dataclass(frozen=True, repr=False)
class StoreSecrets:
    """What a store's webhooks are checked with, and when it was looked up."""

    webhook_secret: bytes | None
    client_secret: bytes | None
    known_since: float


class SecretCache:
    """The secrets by store hash. For one event loop."""

    def __init__(self, stores: Stores, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._stores = stores
        self._monotonic = monotonic
        self._known: dict[str, StoreSecrets] = {}
        self._looking: dict[str, asyncio.Task[StoreSecrets | None]] = {}
        self._threads = ThreadPoolExecutor(2, "secrets")
        self._looks, self._counted_at = LOOKS, monotonic()

    async def get(self, store_hash: str) -> StoreSecrets | None:
        """Returns the store's secrets, at most KEPT_SECONDS old; None if there is no such store.

        Raises LedgerUnavailableError, SecretKeysError, and ProblemError when too many unknown stores are asked for.
        """
        known = self._known.get(store_hash)
        if known is not None and self._monotonic() - known.known_since < KEPT_SECONDS:
            return known
        if known is None and store_hash not in self._looking and not self._may_look():
            raise ProblemError(503, "too many unknown stores are asked for: try again later", RETRY_AFTER)
        return await self._look(store_hash)

    async def get_again(self, store_hash: str) -> StoreSecrets | None:
        """Returns the store's secrets as they are now, or those in memory when the budget for such looks is used up."""
        return await self._look(store_hash) if self._may_look() else self._known.get(store_hash)

    def close(self) -> None:
        """Forgets everything."""
        self._known.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _may_look(self) -> bool:
        now = self._monotonic()
        self._looks = min(LOOKS, self._looks + (now - self._counted_at) * LOOKS_PER_SECOND)
        self._counted_at = now
        if self._looks < 1:
            return False
        self._looks -= 1
        return True

    async def _look(self, store_hash: str) -> StoreSecrets | None:
        """Returns one look for all that want the same store at the moment."""
        task = self._looking.get(store_hash)
        if task is None:
            task = self._looking[store_hash] = asyncio.create_task(self._load(store_hash))
            task.add_done_callback(lambda _: self._looking.pop(store_hash))
        return await asyncio.shield(task)

    async def _load(self, store_hash: str) -> StoreSecrets | None:
        now = self._monotonic()
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self._open, store_hash, now)
        if found is None:
            self._known.pop(store_hash, None)
        else:
            self._known[store_hash] = found
        return found

    def _open(self, store_hash: str, now: float) -> StoreSecrets | None:
        try:
            store = self._stores.get(store_hash)
        except UnknownStoreError:
            return None
        opened = (self._stores.secret(store, field) for field in ("webhook_secret", "client_secret"))
        return StoreSecrets(*(None if secret is None else secret.encode() for secret in opened), known_since=now)
