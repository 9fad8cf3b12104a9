"""`python -m sync_pipeline_tests.search_quality`: the search request against Elasticsearch's default `multi_match`.

On the same documents of two shops: the demonstration shop and, when ``../shared/stores/venia`` is there, a real one.
The default is tried on our own index and on one that Elasticsearch maps by itself. Prints the Markdown tables of
docs/search.md. ``ELASTICSEARCH_URL`` names the cluster; nothing else is needed, and what is made there is removed.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sync_pipeline.clock import SystemClock
from sync_pipeline.connectors.bigcommerce.budget import RequestBudget
from sync_pipeline.connectors.bigcommerce.catalog import Catalog
from sync_pipeline.connectors.bigcommerce.client import BigCommerceClient
from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.synonyms import SynonymsSet
from sync_pipeline.operations import Operation, Outcome
from sync_pipeline.pipelines.store_search.index.definition import index_body
from sync_pipeline.pipelines.store_search.index.languages import language
from sync_pipeline.pipelines.store_search.search.quality import Expectation, Quality, QueryResult, measure
from sync_pipeline.pipelines.store_search.search.request import search_body
from sync_pipeline.pipelines.store_search.source.store_source import StoreSource
from sync_pipeline.pipelines.store_search.types import KINDS
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline_tests import quality_queries
from sync_pipeline_tests.connectors.elasticsearch.stores import own_store
from sync_pipeline_tests.real_shop import REAL_SHOP

TOKEN = "a-token"
OURS = "search request"


@dataclass(frozen=True)
class Subject:
    """A shop with what searches of it should find; ``folder`` is None for the demonstration shop."""

    name: str
    folder: Path | None
    synonyms: Sequence[str]
    expectations: Sequence[Expectation]
    unseen: Sequence[Expectation]


DEMO = Subject("Harbour & Pine", None, quality_queries.DEMO_SYNONYMS, quality_queries.DEMO, quality_queries.DEMO_UNSEEN)
REAL = Subject("Venia", REAL_SHOP, quality_queries.VENIA_SYNONYMS, quality_queries.VENIA, quality_queries.VENIA_UNSEEN)


def default_multi_match(query: str, *, size: int) -> dict[str, Any]:
    """What somebody sends who has not thought about it: every field, Elasticsearch's own defaults."""
    return {"size": size, "query": {"multi_match": {"query": query, "fields": ["*"], "lenient": True}}}


async def documents(subject: Subject) -> dict[str, list[Operation]]:
    """The documents of a shop, by kind, as a full batch writes them."""
    numbers = itertools.count(1)

    async def next_version() -> int:
        return next(numbers)

    clock = SystemClock()
    with SandboxServer() as sandbox:
        opened = (
            sandbox.admin.open_demo("demo", token=TOKEN)
            if subject.folder is None
            else sandbox.admin.open_folder(subject.folder, token=TOKEN)
        )
        sandbox.admin.configure(opened.hash, quota=10_000)
        budget = RequestBudget(store_hash=opened.hash, clock=clock)
        async with (
            BigCommerceClient(
                store_hash=opened.hash, token=TOKEN, base_url=sandbox.base_url, budget=budget, clock=clock
            ) as client,
            StoreSource(Catalog(client, next_version=next_version), batch_id=1, clock=clock) as source,
        ):
            return {
                kind.word: [
                    item async for page in source.items(kind.part) for item in page if isinstance(item, Operation)
                ]
                for kind in KINDS
            }


@dataclass(frozen=True)
class Searchable:
    """A shop's documents: behind the alias of our indices, and in an index with Elasticsearch's default mapping."""

    alias: str
    plain: str


@asynccontextmanager
async def searchable(cluster: SearchCluster, subject: Subject) -> AsyncIterator[Searchable]:
    """The shop's documents in a cluster for as long as the block lasts."""
    async with own_store(cluster) as indices:
        await SynonymsSet(cluster, indices.alias).put(subject.synonyms)
        built = {}
        plain = indices.new_name("plain", datetime.now(UTC))
        await indices.create(plain, {"settings": {}, "mappings": {}})
        words = language("en").stop_words
        for kind, operations in (await documents(subject)).items():
            built[kind] = indices.new_name(kind, datetime.now(UTC))
            body = index_body(kind, language_code="en", stop_words=words, synonyms_set=indices.alias, meta={})
            await indices.create(built[kind], body)
            for name in (built[kind], plain):
                assert set(await BulkIndex(cluster, name).write(operations)) <= {Outcome.WRITTEN}
            await indices.finish_build(built[kind])
        await indices.finish_build(plain)
        await indices.swap(built)
        yield Searchable(indices.alias, plain)


Bodies = Callable[..., dict[str, Any]]


async def quality(cluster: SearchCluster, alias: str, body: Bodies, expectations: Iterable[Expectation]) -> Quality:
    """What the queries find when they are sent as ``body``."""

    def ask(query: str, top: int) -> Awaitable[Sequence[str]]:
        return hits(cluster, alias, body(query, size=top))

    return await measure(ask, expectations)


async def hits(cluster: SearchCluster, alias: str, body: dict[str, Any]) -> list[str]:
    """The ids of a search's hits."""
    with cluster.errors("searching"):
        answer = await cluster.client.search(index=alias, body=body)
    return [hit["_id"] for hit in answer["hits"]["hits"]]


async def compare(url: str, subject: Subject) -> list[dict[str, Quality]]:
    """The search request and the default on one shop: on the queries known to us, and on the unseen ones."""
    async with SearchCluster(url=url) as cluster, searchable(cluster, subject) as shop:
        tried = {
            OURS: (shop.alias, search_body),
            "default `multi_match`, our index": (shop.alias, default_multi_match),
            "default `multi_match`, default index": (shop.plain, default_multi_match),
        }
        return [
            {name: await quality(cluster, index, body, expectations) for name, (index, body) in tried.items()}
            for expectations in (subject.expectations, subject.unseen)
        ]


def summary(measured: Mapping[str, Quality]) -> list[str]:
    """The lines of the table of sums."""
    lines = ["| request | queries | success@k | MRR |", "|---|---|---|---|"]
    return lines + [
        f"| {name} | {len(one.results)} | {one.succeeded} ({one.success_at_k:.0%}) | {one.mean_reciprocal_rank:.3f} |"
        for name, one in measured.items()
    ]


def by_query(measured: Mapping[str, Quality]) -> list[str]:
    """The lines of the table of queries: found of expected in the first k, and the rank of the first."""
    lines = ["| query | k | " + " | ".join(measured) + " |", "|---|---|" + "---|" * len(measured)]
    for results in zip(*(one.results for one in measured.values()), strict=True):
        cells = [results[0].query, str(results[0].top), *(_told(result) for result in results)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _told(result: QueryResult) -> str:
    found, wanted = len(result.found), len(result.found) + len(result.missing)
    rank = f", first at {result.first_rank}" if result.first_rank else ""
    return f"{found} of {wanted}{rank}" if result.succeeded else f"**{found} of {wanted}**{rank}"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="The search request against Elasticsearch's default multi_match.")
    parser.add_argument("--url", default=os.environ.get("ELASTICSEARCH_URL", "http://127.0.0.1:9200"))
    parser.add_argument("--queries", action="store_true", help="every query of both shops, not only of the first")
    chosen = parser.parse_args()
    for subject in (DEMO, REAL):
        if subject.folder is not None and not subject.folder.is_dir():
            continue
        known, unseen = asyncio.run(compare(chosen.url, subject))
        for title, measured in ((subject.name, known), (f"{subject.name}, unseen queries", unseen)):
            lines = [f"### {title}", "", *summary(measured), ""]
            if subject is DEMO or chosen.queries:
                lines += [*by_query(measured), ""]
            sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
