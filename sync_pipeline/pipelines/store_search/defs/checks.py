"""Asset checks of `store_search`: what must be true of an index after its import, seen from outside the import."""

import asyncio
from collections.abc import Iterator
from datetime import datetime

import dagster as dg

from sync_pipeline.batches.queue import worked_since
from sync_pipeline.batches.requests import LaneName
from sync_pipeline.core import Core
from sync_pipeline.delivery.books import balances
from sync_pipeline.orchestration.checks import (
    checked_partition,
    newest_results,
    partitioned_check,
    report_over_scopes,
    unplotted,
)
from sync_pipeline.orchestration.verification import in_step_checks
from sync_pipeline.pipelines.store_search.defs.partitions import stores
from sync_pipeline.pipelines.store_search.runtime import StoreSearch
from sync_pipeline.pipelines.store_search.search.client import Served, served
from sync_pipeline.pipelines.store_search.stores.stores import store_scope
from sync_pipeline.pipelines.store_search.sync import newest_stats
from sync_pipeline.pipelines.store_search.types import IMPORTS, KINDS, PIPELINE, Kind, Part, kind_of

DESCRIPTIONS = {
    "books_balance": "Every record that was read has exactly one outcome.",
    "index_count": "A search sees as many documents as the import wrote, unless events changed some since.",
    "aliases": "The kind's alias and the store's name the new index, and the kind's alias nothing else.",
}
SPECS = [
    partitioned_check(name, [PIPELINE, kind.part.value], description, stores)
    for kind in KINDS
    for name, description in DESCRIPTIONS.items()
]


@dg.multi_asset_check(name="import_checks", specs=SPECS, can_subset=True)
def import_checks(
    context: dg.AssetCheckExecutionContext, core: dg.ResourceParam[Core], store_search: dg.ResourceParam[StoreSearch]
) -> Iterator[dg.AssetCheckResult]:
    """Reads the figures of the newest import from the ledger and compares them with the search cluster.

    For all stores at once it sums up the newest result of each: looking at them costs three requests for each import.
    """
    store_hash = checked_partition(context)
    if store_hash is None:
        _report_over_all_stores(context, core)
        return
    findings: dict[str, dict[str, tuple[bool, dict]]] = {}
    for key in context.selected_asset_check_keys:
        part = key.asset_key.path[-1]
        if part not in findings:
            findings[part] = inspect(store_search, store_hash, Part(part), context.run.run_id)
        passed, metadata = findings[part][key.name]
        yield dg.AssetCheckResult(passed=passed, asset_key=key.asset_key, check_name=key.name, metadata=metadata)


def _report_over_all_stores(context: dg.AssetCheckExecutionContext, core: Core) -> None:
    pipeline = core.pipelines[PIPELINE]
    scopes = pipeline.scopes(core.ledger)
    results = newest_results(context.instance, list(context.selected_asset_check_keys))
    for key in context.selected_asset_check_keys:
        verdicts = {scope: results.get((key, pipeline.scope_name(scope)), (None, False))[0] for scope in scopes}
        found = {scope: (passed, "its newest result") for scope, passed in verdicts.items() if passed is not None}
        report_over_scopes(context, pipeline, key, found, scopes=scopes)


def inspect(store_search: StoreSearch, store_hash: str, part: Part, run_id: str) -> dict[str, tuple[bool, dict]]:
    """Returns the findings of every check of an import: whether it holds, and the numbers behind it."""
    stats = newest_stats(store_search, store_hash, part, run_id)
    if stats is None:
        nothing = (False, {"reason": dg.MetadataValue.text("the ledger knows of no finished import")})
        return dict.fromkeys(DESCRIPTIONS, nothing)
    kind = kind_of(part)
    found = asyncio.run(_served(store_search, store_hash, kind))
    began = datetime.fromisoformat(stats["started_at"])
    changed = worked_since(store_search.ledger, store_scope(store_hash), LaneName.EVENTS, began)
    return {
        "books_balance": (balances(stats), {"books": dg.MetadataValue.json(stats)}),
        "index_count": (
            changed or found.documents == stats["documents"],
            unplotted({"expected": stats["documents"], "found": found.documents, "events_since": changed}),
        ),
        "aliases": (
            list(found.behind_kind) == [stats["index"]] and stats["index"] in found.behind_store,
            unplotted(
                {
                    "expected": stats["index"],
                    "kind_alias": ", ".join(found.behind_kind) or "none",
                    "store_alias": ", ".join(found.behind_store) or "none",
                }
            ),
        ),
    }


async def _served(store_search: StoreSearch, store_hash: str, kind: Kind) -> Served:
    async with store_search.cluster() as cluster:
        return await served(cluster, store_hash, kind)


checks = [import_checks, in_step_checks(PIPELINE, [part.value for part in IMPORTS], stores)]
