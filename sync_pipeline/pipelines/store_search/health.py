"""What `health` says of this pipeline: the search cluster, and every store's token and scopes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from sync_pipeline.batches.identity import identity_of
from sync_pipeline.connectors.elasticsearch.health import cluster_health
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.privileges import missing_privileges
from sync_pipeline.errors import ServiceUnavailableError, SyncPipelineError
from sync_pipeline.health import GROUP_SECONDS, LOOK_SECONDS, side_by_side
from sync_pipeline.pipeline import Finding
from sync_pipeline.pipelines.store_search.events.claims import late_events
from sync_pipeline.pipelines.store_search.index.ownership import ForeignIndexError, check_own
from sync_pipeline.pipelines.store_search.stores.health import AT_ONCE, store_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sync_pipeline.pipelines.store_search.runtime import StoreSearch

DISK_FREE_WARNING = 0.10
#: Events are applied within seconds; after a drain that failed, the next one follows within minutes.
EVENTS_WAIT_LONG = timedelta(minutes=5)


def findings(runtime: StoreSearch) -> Iterator[Finding]:
    """Looks at the cluster and asks BigCommerce about each store, all at once; yields each finding when it is known."""
    one_line_each: dict[str, Callable[[], str]] = {
        "search cluster": lambda: asyncio.run(_search_cluster(runtime)),
        "search key": lambda: asyncio.run(_search_key(runtime)),
        "search indices": lambda: _search_indices(runtime),
        "events": lambda: _events(runtime),
    }
    looks = [(what, partial(_said, what, ask), LOOK_SECONDS) for what, ask in one_line_each.items()]
    return side_by_side([*looks, ("stores", lambda: store_findings(runtime), GROUP_SECONDS)])


def _said(what: str, ask: Callable[[], str]) -> list[Finding]:
    return [Finding(what, ask())]


def _events(runtime: StoreSearch) -> str:
    late = late_events(runtime.ledger, older_than=EVENTS_WAIT_LONG)
    if late:
        stores = ", ".join(
            f"{number} of store {store} since {since:%Y-%m-%d %H:%M}" for store, number, since in late[:5]
        )
        more = f" and of {len(late) - 5} more stores" if len(late) > 5 else ""
        raise SyncPipelineError(f"they wait longer than they should: {stores} (UTC){more}")
    return "none waits for long"


async def _search_cluster(runtime: StoreSearch) -> str:
    async with runtime.cluster() as cluster:
        info = await cluster.check()
        state = await cluster_health(cluster)
    if state.read_only:
        raise ServiceUnavailableError(f"Elasticsearch {info.version} takes no writes to {', '.join(state.read_only)}")
    free = "" if state.disk_free is None else f", {state.disk_free:.0%} of the disk free"
    if state.disk_free is not None and state.disk_free < DISK_FREE_WARNING:
        raise ServiceUnavailableError(f"Elasticsearch {info.version} is nearly full{free}")
    return f"Elasticsearch {info.version}, {state.status}{free}"


async def _search_key(runtime: StoreSearch) -> str:
    async with runtime.cluster() as cluster:
        missing = await missing_privileges(cluster)
    if missing is None:
        return "the cluster has no security: nothing to check"
    if missing:
        raise SyncPipelineError(
            f"the key or user lacks {', '.join(missing)}: give it these rights (README.md, A real store)"
        )
    return "may do all that is needed"


def _search_indices(runtime: StoreSearch) -> str:
    identity = identity_of(runtime.ledger)
    stores = [store.hash for store in runtime.stores.list()]

    async def ask() -> list[str]:
        async with runtime.cluster() as cluster:
            turns = asyncio.Semaphore(AT_ONCE)

            async def is_foreign(store_hash: str) -> bool:
                async with turns:
                    try:
                        check_own(store_hash, await StoreIndices(cluster, store_hash).list(), identity)
                    except ForeignIndexError:
                        return True
                return False

            found = await asyncio.gather(*map(is_foreign, stores))
        return [store_hash for store_hash, foreign in zip(stores, found, strict=True) if foreign]

    if foreign := asyncio.run(ask()):
        named = f"{', '.join(foreign[:5])}{f' and {len(foreign) - 5} more' if len(foreign) > 5 else ''}"
        raise SyncPipelineError(
            f"another ledger made those of {named}, whose batches are refused: `sync-pipeline sync run --store "
            f"{foreign[0]} --take-over` if that ledger is lost"
        )
    return f"none of {len(stores)} stores has another ledger's"
