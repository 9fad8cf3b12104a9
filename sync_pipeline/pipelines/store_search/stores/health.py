"""What `health` says of the stores: whether BigCommerce answers for each, and the scopes of its token."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sync_pipeline.connectors.bigcommerce.errors import RateLimitedError, UnreachableError
from sync_pipeline.errors import ServiceUnavailableError, SyncPipelineError, one_line
from sync_pipeline.health import LOOK_SECONDS
from sync_pipeline.pipeline import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sync_pipeline.pipelines.store_search.runtime import StoreSearch
    from sync_pipeline.pipelines.store_search.stores.models import Store

#: So many are asked at the same time.
AT_ONCE = 16
#: All together; what could not be asked by then is said to be so.
STORES_SECONDS = 25.0
#: When so many stores gave no answer and none gave one, the address is what does not answer.
SILENT_STORES = 3


def store_findings(runtime: StoreSearch) -> Iterator[Finding]:
    """Asks BigCommerce about all stores side by side; yields a finding each, in the order of their hashes."""
    stores = runtime.stores.list()
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        asking = _Asking(runtime, until=loop.time() + STORES_SECONDS)
        tasks = [loop.create_task(asking.about(store)) for store in stores]
        for task in tasks:
            yield runner.run(_result(task))


async def _result(task: asyncio.Task[Finding]) -> Finding:
    return await task


class _Asking:
    """The questions to all stores: how many at once, until when, and whether anything answers at all."""

    def __init__(self, runtime: StoreSearch, *, until: float) -> None:
        self._runtime = runtime
        self._until = until
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._answered = False
        self._silent = 0

    async def about(self, store: Store) -> Finding:
        """Returns what is to say of a store, within ``LOOK_SECONDS`` of its turn."""
        what = f"store {store.hash}"
        try:
            return Finding(what, await self._ask(store))
        except RateLimitedError:
            # Its batches at work use it up: nothing is wrong with the store.
            return Finding(what, "not asked: its request quota is used up at the moment", warning=True)
        except SyncPipelineError as error:
            return Finding(what, one_line(error), error.exit_status)

    async def _ask(self, store: Store) -> str:
        if store.uninstalled_at is not None:
            raise SyncPipelineError(f"it uninstalled the app: `sync-pipeline stores reenter-token {store.hash}`")
        async with self._turns:
            left = self._until - asyncio.get_running_loop().time()
            if self._silent >= SILENT_STORES and not self._answered:
                raise ServiceUnavailableError("not asked: BigCommerce (BIGCOMMERCE_API_URL) answers for no store")
            if left <= 0:
                raise ServiceUnavailableError(f"not asked: the others took {STORES_SECONDS:.0f} s")
            try:
                async with asyncio.timeout(min(left, LOOK_SECONDS)):
                    return await self._token(store)
            except TimeoutError:
                self._silent += 1
                raise ServiceUnavailableError(f"BigCommerce gave no answer within {LOOK_SECONDS:.0f} s") from None
            except UnreachableError:
                self._silent += 1
                raise
            except SyncPipelineError:
                self._answered = True
                raise

    async def _token(self, store: Store) -> str:
        async with self._runtime.probed_catalog(store) as catalog:
            scopes = await catalog.probe_scopes()
        self._answered = True
        missing = sorted(scope for scope, granted in scopes.items() if not granted)
        if missing:
            raise SyncPipelineError(f"the token lacks {', '.join(missing)}")
        return f"token works, all {len(scopes)} scopes"
