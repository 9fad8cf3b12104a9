"""What `demo` shows: a store synchronised end to end, and what synonyms and stop words do to a search."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sync_pipeline.batches.states import Status
from sync_pipeline.cli.batches import batch_fields, batch_seconds
from sync_pipeline.cli.output import note, say
from sync_pipeline.cli.store_search.opened import store_search, stores_of
from sync_pipeline.cli.store_search.search import find, hit_rows
from sync_pipeline.cli.sync import run_here
from sync_pipeline.errors import SyncPipelineError
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.stores.stores import UnknownStoreError
from sync_pipeline.pipelines.store_search.types import IMPORTS, BatchType
from sync_pipeline.sandboxes.bigcommerce.sandbox import default_token

if TYPE_CHECKING:
    from sync_pipeline.cli.environment import Environment

DEMO_HASH, DEMO_NAME = "demo", "Harbour & Pine"
SYNONYMS = ["phone, mobile", "tv => television", "sofa, couch, settee"]
STOP_WORDS = ["please"]
#: Each query with what it shows.
SEARCHES = {
    "couch": "synonyms: sofas are found too",
    "tv": "synonyms: a TV is a television",
    "a lamp for the living room, please": "stop words: a, for, the and please do not count",
    "the": "a query of stop words only still finds",
}


def run(here: Environment) -> dict[str, Any]:
    """Synchronises the sandbox store and searches it; returns what there is to tell. Raises if the batch fails."""
    prepare(here)
    note("running an All batch")
    batch, exit_status = run_here(here, store_request(DEMO_HASH, BatchType.ALL))
    if batch.status != Status.COMPLETED:
        error = SyncPipelineError((batch.error or {}).get("message", "the batch failed"))
        error.exit_status = exit_status
        raise error
    found = {query: asyncio.run(find(store_search(here), DEMO_HASH, query, size=4)) for query in SEARCHES}
    return {
        "batch": batch_fields(batch),
        "seconds": batch_seconds(batch),
        "searches": {query: hit_rows(hits) for query, hits in found.items()},
    }


def prepare(here: Environment) -> None:
    """Puts the sandbox store in the ledger, with a few words of its own."""
    try:
        stores_of(here).get(DEMO_HASH)
    except UnknownStoreError:
        stores_of(here).save(DEMO_HASH, name=DEMO_NAME, token=default_token(DEMO_HASH))
    stores_of(here).add_synonym_rules(DEMO_HASH, SYNONYMS)
    stores_of(here).add_stop_words(DEMO_HASH, STOP_WORDS)


def tell(report: dict[str, Any]) -> None:
    """Prints the report for a person."""
    batch = report["batch"]
    say(f"Batch {batch['id']} synchronised store {batch['store_hash']} ({DEMO_NAME}) in {report['seconds']} s:")
    for part in IMPORTS:
        stats = batch["counts"][part]
        reasons = ", ".join(
            f"{number} {reason.partition(':')[2]}" for reason, number in stats.get("reasons", {}).items()
        )
        say(
            f"  {part:<11} {stats['read']:>4} read {stats['written']:>4} written {stats['filtered']:>3} filtered"
            + (f"  ({reasons})" if reasons else "")
        )
    words, rules = batch["counts"]["stop_words"]["words"], batch["counts"]["synonyms"]["rules"]
    say(f"  {words} stop words, {rules} synonym rules")
    for query, rows in report["searches"].items():
        say("")
        say(f"search {query!r} ({SEARCHES[query]})")
        for row in rows:
            say(f"  {row['id']:<12} {row['name']}" + (f"  {row['price']}" if row["price"] else ""))
    say("")
    for name, address in report["addresses"].items():
        say(f"{name:<20} {address}")
