"""The chain of `store_search` as Dagster assets: stop words, synonyms → index → products, categories, blog posts.

Each body is one `batch_part`: the ledger knows of every run, whoever started it. The work itself is in sync.py.
"""

import json
from collections.abc import Iterator
from contextlib import aclosing

import dagster as dg

from sync_pipeline.errors import Retry, SyncPipelineError, one_line
from sync_pipeline.orchestration.freshness import report_fresh
from sync_pipeline.orchestration.steps import asset_part, materialize, resources_of, row_count, scope_metadata
from sync_pipeline.pipelines.store_search import sync
from sync_pipeline.pipelines.store_search.defs.partitions import stores
from sync_pipeline.pipelines.store_search.defs.sources import READ, source_key, sources
from sync_pipeline.pipelines.store_search.imports.run import ImportResult
from sync_pipeline.pipelines.store_search.index.definition import MAPPING_VERSION
from sync_pipeline.pipelines.store_search.types import IMPORTS, OWNERS, PIPELINE, Part, type_of_parts

COMMON = {
    "partitions_def": stores,
    "group_name": PIPELINE,
    "key_prefix": PIPELINE,
    "owners": OWNERS,
    "required_resource_keys": resources_of(PIPELINE),
    # A dry run materializes nothing.
    "output_required": False,
}

# Data versions, by which Dagster tells whether what is downstream is in step with an asset ("Unsynced" otherwise).
#: The step that writes words also applies them to every index, so nothing downstream is ever behind them.
APPLIED = dg.DataVersion("applied")
#: New indices for some imports leave those of the others as good as they are, until what an index is changes.
INDEX = dg.DataVersion(f"mapping {MAPPING_VERSION}")


@dg.asset(**COMMON, kinds={"elasticsearch", "file"})
def stop_words(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """Writes the words that search ignores: the language's short list and the store's own.

    Written as a file, and applied by a reindex in the cluster to every index that this run does not build anew.
    """
    yield from materialize(
        context, PIPELINE, sync.apply_stop_words, type_of=type_of, rows="words", data_version=APPLIED
    )


@dg.asset(**COMMON, kinds={"elasticsearch", "file"})
def synonyms(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """Writes the store's synonym rules as a synonyms set; they work in running searches at once."""
    yield from materialize(context, PIPELINE, sync.apply_synonyms, type_of=type_of, rows="rules", data_version=APPLIED)


@dg.asset(**COMMON, deps=[stop_words, synonyms], kinds={"elasticsearch"})
def search_index(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """Creates empty indices for the imports of this run; no alias is touched yet, so searches see none of it."""
    yield from materialize(context, PIPELINE, sync.create_indices, type_of=type_of, data_version=INDEX)


DESCRIPTIONS = {
    Part.PRODUCTS: "Every visible product with prices, stock, options, variants and custom fields.",
    Part.CATEGORIES: "Visible categories with their full paths, and the web pages that everybody may read.",
    Part.BLOG_POSTS: "Published blog posts.",
}


@dg.multi_asset(
    name="imports",
    partitions_def=stores,
    can_subset=True,
    required_resource_keys=resources_of(PIPELINE),
    specs=[
        dg.AssetSpec(
            [PIPELINE, part.value],
            deps=[[PIPELINE, Part.SEARCH_INDEX.value], *(source_key(name) for name in READ[part])],
            description=DESCRIPTIONS[part],
            group_name=PIPELINE,
            owners=OWNERS,
            kinds={"bigcommerce", "elasticsearch"},
            skippable=True,
        )
        for part in IMPORTS
    ],
)
# Without a return type: Dagster takes an async generator's for the type of a single output.
async def imports(context: dg.AssetExecutionContext):
    """Runs the imports side by side: each fills its own index and moves its aliases; one that fails stops no other."""
    selected = [part for part in IMPORTS if dg.AssetKey([PIPELINE, part.value]) in context.selected_asset_keys]
    done: list[str] = []
    failures: list[tuple[Part, BaseException]] = []
    with asset_part(context, PIPELINE, type_of) as batch:
        if batch is None:
            return
        about = scope_metadata(context, batch)
        async with aclosing(sync.import_records(context.resources.store_search, batch, selected)) as outcomes:
            async for part, outcome in outcomes:
                if isinstance(outcome, BaseException):
                    context.log.error("%s of store %s failed: %s", part, context.partition_key, one_line(outcome))
                    failures.append((part, outcome))
                else:
                    metadata = {**about, **import_report(outcome), **row_count(outcome.stats["documents"])}
                    done.append(part.value)
                    yield dg.MaterializeResult(asset_key=[PIPELINE, part.value], metadata=metadata)
        report_fresh(context, context.resources.core.pipelines[PIPELINE], done)
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


def type_of(planned: tuple[str, ...]) -> str | None:
    """Returns the batch type that a run's parts make up; None if none."""
    return type_of_parts(frozenset(map(Part, planned)))


assets = [*sources, stop_words, synonyms, search_index, imports]
