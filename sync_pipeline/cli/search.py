"""`search`: what a shopper would find, with the very request that the shop's own application may send."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json, StoreHash
from sync_pipeline.cli.output import emit_json, emit_rows
from sync_pipeline.pipelines.store_search import serving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.pipelines.store_search.sync import StoreSearch

COLUMNS = ("score", "id", "name", "price", "where")


def register(app: typer.Typer) -> None:
    """Adds the verb to the command line."""
    app.command()(search)


def search(
    store: StoreHash,
    query: Annotated[list[str], typer.Argument(metavar="QUERY", help="What a shopper would type.")],
    size: Annotated[int, typer.Option(min=1, max=100, help="How many hits.")] = 10,
    as_json: Json = False,
) -> None:
    """Searches a store's products, categories, pages and posts."""
    words = " ".join(query)
    with environment("search") as here:
        here.stores.get(store)
        hits = asyncio.run(find(here.store_search, store, words, size=size))
    if as_json:
        emit_json(hits)
    else:
        emit_rows(hit_rows(hits), COLUMNS, as_json=False, empty=f"nothing found for {words!r}")


async def find(pipeline: StoreSearch, store: str, words: str, *, size: int) -> list[dict[str, Any]]:
    """The hits of a shopper's words. Raises NotIndexedError for a store without an index."""
    async with pipeline.cluster() as cluster:
        return await serving.search(cluster, store, words, size=size)


def hit_rows(hits: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hits as lines of a table."""
    return [
        {
            "score": f"{hit['_score'] or 0:.2f}",
            "id": hit["_id"],
            "name": hit["_source"].get("name") or hit["_source"].get("title"),
            "price": _price(hit["_source"]),
            "where": "; ".join(hit["_source"].get("categories", [])) or hit["_source"].get("path"),
        }
        for hit in hits
    ]


def _price(source: dict[str, Any]) -> str | None:
    price = source.get("calculated_price")
    return None if price is None else f"{price:.2f} {source.get('currency') or ''}".strip()
