"""`saved-queries`: what a store's search ought to find, kept in the ledger, and whether it does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json, StoreHash
from sync_pipeline.cli.output import emit_json, emit_rows, say
from sync_pipeline.cli.store_search.opened import store_search, stores_of
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.requests import document_keys
from sync_pipeline.pipelines.store_search.search import client as serving
from sync_pipeline.pipelines.store_search.search.quality import Expectation, Quality, measure
from sync_pipeline.pipelines.store_search.search.request import MAX_QUERY, SEARCH_REQUEST_VERSION
from sync_pipeline.pipelines.store_search.stores.saved_queries import SavedQueries
from sync_pipeline.pipelines.store_search.types import BatchType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.pipelines.store_search.runtime import StoreSearch

app = typer.Typer(help="Saved queries: what a search ought to find: add, list, remove, run.", no_args_is_help=True)

Query = Annotated[str, typer.Argument(metavar="QUERY", help="What a shopper would type.")]
COLUMNS = ("result", "rank", "k", "query", "missing")


@app.command()
def add(
    query: Query,
    store: StoreHash,
    expect: Annotated[
        list[str], typer.Option(metavar="ID,…", help="Documents to be found, such as product-12; may be repeated.")
    ],
    top: Annotated[int, typer.Option(metavar="K", min=1, max=100, help="Among how many hits.")] = 10,
    as_json: Json = False,
) -> None:
    """Keeps a query with the documents that it should find; one that is known is replaced."""
    words = " ".join(query.split())
    if not words or len(words) > MAX_QUERY:
        raise UsageError(f"a query has 1 to {MAX_QUERY} characters, not {len(words)}")
    expected = document_keys(BatchType.ALL, [key for given in expect for key in given.split(",")])
    if len(expected) > top:
        raise UsageError(f"{len(expected)} documents cannot be among the first {top} hits: raise --top")
    with environment("saved-queries add") as here:
        SavedQueries(stores_of(here), store).add(words, expected=expected, top=top)
    if as_json:
        emit_json({"query": words, "expected": expected, "top": top})
    else:
        say(f"{words!r} should find {', '.join(expected)} among the first {top} hits")


@app.command("list")
def list_queries(store: StoreHash, as_json: Json = False) -> None:
    """Lists the store's saved queries."""
    with environment("saved-queries list") as here:
        found = SavedQueries(stores_of(here), store).list()
    rows = [{"query": row.query, "k": row.top, "expected": row.expected} for row in found]
    shown = rows if as_json else [{**row, "expected": ", ".join(row["expected"])} for row in rows]
    emit_rows(shown, ("query", "k", "expected"), as_json=as_json, empty="no saved queries")


@app.command()
def remove(query: Query, store: StoreHash, as_json: Json = False) -> None:
    """Forgets a query."""
    words = " ".join(query.split())
    with environment("saved-queries remove") as here:
        SavedQueries(stores_of(here), store).remove(words)
    emit_json({"removed": words}) if as_json else say(f"{words!r} is forgotten")


@app.command()
def run(store: StoreHash, as_json: Json = False) -> int:
    """Runs the saved queries. Ends with 0 if each found all that it should, else with 1."""
    with environment("saved-queries run") as here:
        saved = SavedQueries(stores_of(here), store).list()
        expectations = [Expectation(row.query, row.expected, row.top) for row in saved]
        quality = asyncio.run(_measure(store_search(here), store, expectations))
    if as_json:
        emit_json(quality_fields(quality))
    else:
        emit_rows(_rows(quality), COLUMNS, as_json=False, empty="no saved queries")
        if quality.results:
            say(
                f"{quality.succeeded} of {len(quality.results)} found all that they should "
                f"(success@k {quality.success_at_k:.3f}, mean reciprocal rank {quality.mean_reciprocal_rank:.3f})"
            )
    return 0 if quality.succeeded == len(quality.results) else 1


async def _measure(pipeline: StoreSearch, store: str, expectations: Sequence[Expectation]) -> Quality:
    async with pipeline.cluster() as cluster:

        async def ask(query: str, top: int) -> list[str]:
            return [hit["_id"] for hit in await serving.search(cluster, store, query, size=top)]

        return await measure(ask, expectations)


def quality_fields(quality: Quality) -> dict[str, Any]:
    """Returns the measurement as every machine-readable answer gives it."""
    return {
        "search_request_version": SEARCH_REQUEST_VERSION,
        "queries": len(quality.results),
        "succeeded": quality.succeeded,
        "success_at_k": quality.success_at_k,
        "mean_reciprocal_rank": quality.mean_reciprocal_rank,
        "results": [
            {
                "query": one.query,
                "k": one.top,
                "succeeded": one.succeeded,
                "first_rank": one.first_rank,
                "found": one.found,
                "missing": list(one.missing),
            }
            for one in quality.results
        ],
    }


def _rows(quality: Quality) -> list[dict[str, Any]]:
    return [
        {
            "result": "found" if one.succeeded else "missing",
            "rank": one.first_rank,
            "k": one.top,
            "query": one.query,
            "missing": ", ".join(one.missing),
        }
        for one in quality.results
    ]
