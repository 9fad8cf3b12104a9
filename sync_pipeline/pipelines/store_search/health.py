"""What `health` says of this pipeline: the search cluster, and every store's token and scopes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from sync_pipeline.batches.identity import identity_of
from sync_pipeline.connectors.elasticsearch.health import cluster_health
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.privileges import missing_privileges
from sync_pipeline.errors import ServiceUnavailableError, SyncPipelineError
from sync_pipeline.health import look
from sync_pipeline.pipelines.store_search.events.claims import late_events
from sync_pipeline.pipelines.store_search.index.ownership import ForeignIndexError, check_own

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.pipeline import Finding
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch

DISK_FREE_WARNING = 0.10
#: Events are applied within seconds; after a drain that failed, the next one follows within minutes.
EVENTS_WAIT_LONG = timedelta(minutes=5)


def findings(runtime: StoreSearch) -> Sequence[Finding]:
    """Looks at the cluster and asks BigCommerce about each store. Raises what listing the stores raises."""
    return [
        look("search cluster", lambda: asyncio.run(_search_cluster(runtime))),
        look("search key", lambda: asyncio.run(_search_key(runtime))),
        look("search indices", lambda: asyncio.run(_search_indices(runtime))),
        look("events", lambda: _events(runtime)),
        *[
            look(f"store {store.hash}", lambda store_hash=store.hash: _store(runtime, store_hash))
            for store in runtime.stores.list()
        ],
    ]


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
        raise SyncPipelineError(f"the key or user lacks {', '.join(missing)}: give it these rights")
    return "may do all that is needed"


async def _search_indices(runtime: StoreSearch) -> str:
    identity = await asyncio.to_thread(identity_of, runtime.ledger)
    stores = [store.hash for store in await asyncio.to_thread(runtime.stores.list)]
    foreign = []
    async with runtime.cluster() as cluster:
        for store_hash in stores:
            try:
                check_own(store_hash, await StoreIndices(cluster, store_hash).list(), identity)
            except ForeignIndexError:
                foreign.append(store_hash)
    if foreign:
        named = f"{', '.join(foreign[:5])}{f' and {len(foreign) - 5} more' if len(foreign) > 5 else ''}"
        raise SyncPipelineError(
            f"another ledger made those of {named}, whose batches are refused: `sync-pipeline sync run --store "
            f"{foreign[0]} --take-over` if that ledger is lost"
        )
    return f"none of {len(stores)} stores has another ledger's"


def _store(runtime: StoreSearch, store_hash: str) -> str:
    store = runtime.stores.get(store_hash)
    if store.uninstalled_at is not None:
        raise SyncPipelineError(f"it uninstalled the app: `sync-pipeline stores reenter-token {store_hash}`")

    async def ask() -> str:
        async with runtime.catalog(store) as catalog:
            scopes = await catalog.probe_scopes()
        missing = sorted(scope for scope, granted in scopes.items() if not granted)
        if missing:
            raise SyncPipelineError(f"the token lacks {', '.join(missing)}")
        return f"token works, all {len(scopes)} scopes"

    return asyncio.run(ask())
