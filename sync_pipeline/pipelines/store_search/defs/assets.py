"""The chain of `store_search` as Dagster assets: stop words, synonyms → index → products, categories, blog posts.

Each body is one `batch_part`: the ledger knows of every run, whoever started it. The work itself is in sync.py.
"""

import asyncio
import json
from contextlib import AbstractContextManager, aclosing

import dagster as dg

from sync_pipeline.batches.parts import BatchPart
from sync_pipeline.errors import Retry, SyncPipelineError, one_line
from sync_pipeline.orchestration.runs import run_batch_part
from sync_pipeline.pipelines.store_search import sync
from sync_pipeline.pipelines.store_search.defs.partitions import stores
from sync_pipeline.pipelines.store_search.imports.run import ImportResult
from sync_pipeline.pipelines.store_search.requests import store_request
from sync_pipeline.pipelines.store_search.runtime import StoreSearch
from sync_pipeline.pipelines.store_search.types import IMPORTS, PIPELINE, Part, type_of_parts

COMMON = {"partitions_def": stores, "group_name": PIPELINE, "key_prefix": PIPELINE}


@dg.asset(**COMMON, kinds={"elasticsearch", "file"})
def stop_words(context: dg.AssetExecutionContext, store_search: dg.ResourceParam[StoreSearch]) -> dg.MaterializeResult:
    """Writes the words that search ignores: the language's short list and the store's own.

    Written as a file, and applied by a reindex in the cluster to every index that this run does not build anew.
    """
    with store_part(context, store_search) as part:
        return dg.MaterializeResult(metadata=asyncio.run(sync.apply_stop_words(store_search, part)))


@dg.asset(**COMMON, kinds={"elasticsearch", "file"})
def synonyms(context: dg.AssetExecutionContext, store_search: dg.ResourceParam[StoreSearch]) -> dg.MaterializeResult:
    """Writes the store's synonym rules as a synonyms set; they work in running searches at once."""
    with store_part(context, store_search) as part:
        return dg.MaterializeResult(metadata=asyncio.run(sync.apply_synonyms(store_search, part)))


@dg.asset(**COMMON, deps=[stop_words, synonyms], kinds={"elasticsearch"})
def search_index(
    context: dg.AssetExecutionContext, store_search: dg.ResourceParam[StoreSearch]
) -> dg.MaterializeResult:
    """Creates empty indices for the imports of this run; no alias is touched yet, so searches see none of it."""
    with store_part(context, store_search) as part:
        return dg.MaterializeResult(metadata=asyncio.run(sync.create_indices(store_search, part)))


DESCRIPTIONS = {
    Part.PRODUCTS: "Every visible product with prices, stock, options, variants and custom fields.",
    Part.CATEGORIES: "Visible categories with their full paths, and the web pages that everybody may read.",
    Part.BLOG_POSTS: "Published blog posts.",
}


@dg.multi_asset(
    name="imports",
    partitions_def=stores,
    can_subset=True,
    specs=[
        dg.AssetSpec(
            [PIPELINE, part.value],
            deps=[[PIPELINE, Part.SEARCH_INDEX.value]],
            description=DESCRIPTIONS[part],
            group_name=PIPELINE,
            kinds={"bigcommerce", "elasticsearch"},
            skippable=True,
        )
        for part in IMPORTS
    ],
)
# Without a return type: Dagster takes an async generator's for the type of a single output.
async def imports(context: dg.AssetExecutionContext, store_search: dg.ResourceParam[StoreSearch]):
    """Runs the imports side by side: each fills its own index and moves its aliases; one that fails stops no other."""
    selected = [part for part in IMPORTS if dg.AssetKey([PIPELINE, part.value]) in context.selected_asset_keys]
    failures: list[tuple[Part, BaseException]] = []
    with store_part(context, store_search) as batch:
        async with aclosing(sync.import_records(store_search, batch, selected)) as outcomes:
            async for part, outcome in outcomes:
                if isinstance(outcome, BaseException):
                    context.log.error("%s of store %s failed: %s", part, context.partition_key, one_line(outcome))
                    failures.append((part, outcome))
                else:
                    yield dg.MaterializeResult(asset_key=[PIPELINE, part.value], metadata=import_report(outcome))
        if failures:
            raise ImportsFailedError(failures)


def import_report(result: ImportResult) -> dict[str, dg.MetadataValue]:
    """Returns what a person sees of an import: the books, the pace, where it went, and a document of it."""
    stats = result.stats
    report: dict[str, dg.MetadataValue] = {
        name: dg.MetadataValue.float(float(value)) if isinstance(value, float) else dg.MetadataValue.int(value)
        for name, value in stats.items()
        if isinstance(value, int | float)
    }
    report |= {name: dg.MetadataValue.text(stats[name]) for name in ("mode", "index", "started_at", "finished_at")}
    report["reasons"] = dg.MetadataValue.json(stats.get("reasons", {}))
    report["replaced"] = dg.MetadataValue.json(stats["replaced"])
    if result.dead_letters:
        report["dead_letters"] = dg.MetadataValue.json(result.dead_letters)
    if result.sample is not None:
        report["sample"] = dg.MetadataValue.json(json.loads(result.sample))
    return report


class ImportsFailedError(SyncPipelineError):
    """Some imports of a run failed; the others stay materialized."""

    def __init__(self, failures: list[tuple[Part, BaseException]]) -> None:
        super().__init__("; ".join(f"{part}: {one_line(error)}" for part, error in failures))
        first = failures[0][1]
        self.kind = getattr(first, "kind", "internal")
        self.exit_status = getattr(first, "exit_status", 1)
        self.retry = getattr(first, "retry", Retry.LATER)


def store_part(context: dg.AssetExecutionContext, store_search: StoreSearch) -> AbstractContextManager[BatchPart]:
    """Yields the step as a part of its batch, or of the `manual` one made when somebody started it by hand."""
    return run_batch_part(
        context,
        store_search.ledger,
        lambda planned: store_request(context.partition_key, type_of_parts(frozenset(map(Part, planned)))),
    )


assets = [stop_words, synonyms, search_index, imports]
