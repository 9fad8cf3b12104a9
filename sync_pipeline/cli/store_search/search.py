"""`search` and `suggest`: what a shopper would find, with the very requests that the shop's application may send."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json, StoreHash
from sync_pipeline.cli.output import emit_json, emit_rows, say
from sync_pipeline.cli.store_search.opened import store_search, stores_of
from sync_pipeline.pipelines.store_search.search import client as serving
from sync_pipeline.pipelines.store_search.search.request import Sort, search_body
from sync_pipeline.pipelines.store_search.search.suggestions import suggest_body

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sync_pipeline.pipelines.store_search.runtime import StoreSearch
    from sync_pipeline.pipelines.store_search.search.client import Found

Request = Annotated[bool, typer.Option("--request", help="Print the body of the request and send nothing.")]

COLUMNS = ("score", "id", "name", "price", "where")
SUGGESTION_COLUMNS = ("id", "name", "price", "where")
#: How many values of a facet a person is shown.
SHOWN_VALUES = 8


def search(
    store: StoreHash,
    query: Annotated[list[str], typer.Argument(metavar="QUERY", help="What a shopper would type.")],
    size: Annotated[int, typer.Option(min=1, max=100, help="How many hits.")] = 10,
    sort: Annotated[Sort, typer.Option(help="The order of the hits.")] = Sort.RELEVANCE,
    in_stock: Annotated[bool, typer.Option("--in-stock", help="Only what is in stock.")] = False,
    brand: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this brand; may be repeated.")] = None,
    category: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Only this category's full path; may be repeated.")
    ] = None,
    facets: Annotated[bool, typer.Option("--facets", help="Also how many hits have which brand, category, ….")] = False,
    request: Request = False,
    as_json: Json = False,
) -> None:
    """Searches a store's products, categories, pages and posts."""
    words = " ".join(query)
    how: dict[str, Any] = {"size": size, "sort": sort, "facets": facets}
    how |= {"brands": brand or (), "categories": category or (), "in_stock": in_stock or None}
    if request:
        emit_json(search_body(words, **how))
        return
    with environment("search") as here:
        stores_of(here).get(store)
        found = asyncio.run(_find(store_search(here), store, words, how))
    if as_json:
        emit_json({"hits": found.hits, "facets": found.facets} if facets else found.hits)
        return
    emit_rows(hit_rows(found.hits), COLUMNS, as_json=False, empty=f"nothing found for {words!r}")
    for line in facet_lines(found.facets or {}):
        say(line)


def suggest(
    store: StoreHash,
    prefix: Annotated[list[str], typer.Argument(metavar="PREFIX", help="What a shopper has typed so far.")],
    size: Annotated[int, typer.Option(min=1, max=50, help="How many suggestions.")] = 8,
    request: Request = False,
    as_json: Json = False,
) -> None:
    """Suggests products and categories for a search that is still being typed."""
    typed = " ".join(prefix)
    if request:
        emit_json(suggest_body(typed, size=size))
        return
    with environment("suggest") as here:
        stores_of(here).get(store)
        hits = asyncio.run(_suggest(store_search(here), store, typed, size))
    if as_json:
        emit_json(hits)
    else:
        emit_rows(hit_rows(hits), SUGGESTION_COLUMNS, as_json=False, empty=f"nothing begins with {typed!r}")


async def find(pipeline: StoreSearch, store: str, words: str, *, size: int) -> list[dict[str, Any]]:
    """Returns the hits of a shopper's words. Raises NotIndexedError for a store without an index."""
    return (await _find(pipeline, store, words, {"size": size})).hits


async def _find(pipeline: StoreSearch, store: str, words: str, how: Mapping[str, Any]) -> Found:
    async with pipeline.cluster() as cluster:
        return await serving.find(cluster, store, words, **how)


async def _suggest(pipeline: StoreSearch, store: str, typed: str, size: int) -> list[dict[str, Any]]:
    async with pipeline.cluster() as cluster:
        return await serving.suggest(cluster, store, typed, size=size)


def hit_rows(hits: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns hits as lines of a table."""
    return [
        {
            "score": None if hit["_score"] is None else f"{hit['_score']:.2f}",
            "id": hit["_id"],
            "name": hit["_source"].get("name") or hit["_source"].get("title"),
            "price": _price(hit["_source"]),
            "where": "; ".join(hit["_source"].get("categories", [])) or hit["_source"].get("path"),
        }
        for hit in hits
    ]


def facet_lines(facets: Mapping[str, Any]) -> list[str]:
    """Returns facets for a person, a line each: `brand: Fernweh 13, Ostra 3`."""
    listed = [(name, values) for name, values in facets.items() if isinstance(values, list)]
    for group in ("options", "custom_fields"):
        listed += facets.get(group, {}).items()
    lines = [
        f"{name}: " + ", ".join(f"{_word(one['value'])} {one['count']}" for one in values[:SHOWN_VALUES])
        for name, values in listed
        if values
    ]
    if price := facets.get("price"):
        lines.append(f"price: {price['min']:.2f} to {price['max']:.2f}")
    return lines


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _price(source: dict[str, Any]) -> str | None:
    price = source.get("calculated_price")
    return None if price is None else f"{price:.2f} {source.get('currency') or ''}".strip()
