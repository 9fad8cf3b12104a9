"""Options that several verbs share, so that they are spelt and explained alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sync_pipeline.batches.requests import STORE_NOUN
from sync_pipeline.errors import UsageError
from sync_pipeline.pipeline import find_pipeline
from sync_pipeline.pipelines.registry import PIPELINES

if TYPE_CHECKING:
    from sync_pipeline.pipeline import Pipeline

#: A row's number: what PostgreSQL's bigint holds.
Number = Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
StoreHash = Annotated[str, typer.Option("--store", metavar="HASH", help="The store's hash.")]
Store = Annotated[str | None, typer.Option("--store", metavar="HASH", help="A BigCommerce store's hash.")]
PipelineName = Annotated[str | None, typer.Option("--pipeline", metavar="P", help="The pipeline, for --scope.")]
ConfirmDeletes = Annotated[bool, typer.Option("--confirm-deletes", help="Many deletes are right.")]
Enqueue = Annotated[bool, typer.Option("--enqueue", help="Leave it to the daemon.")]
Delay = Annotated[int | None, typer.Option("--delay", min=0, help="With --enqueue: not before so many seconds.")]
ScopeName = Annotated[str | None, typer.Option("--scope", metavar="S", help="What of the pipeline, without its noun.")]


def target(store: str | None, pipeline: str | None, scope: str | None) -> tuple[Pipeline, str]:
    """Returns the pipeline and the scope (`store:abc`) that a person named.

    Raises UsageError when it is not one of each.
    """
    chosen, full = selection(store, pipeline, scope)
    if chosen is None or full is None:
        raise UsageError("say what is meant: --store HASH, or --pipeline P --scope S")
    return chosen, full


def selection(store: str | None, pipeline: str | None, scope: str | None) -> tuple[Pipeline | None, str | None]:
    """Returns the same for a list, where a pipeline alone means all of its scopes, and nothing means everything."""
    if store is not None:
        if pipeline is not None or scope is not None:
            raise UsageError("--store stands for a pipeline and a scope: give it or those")
        chosen = next(one for one in PIPELINES if one.noun == STORE_NOUN)
        return chosen, chosen.scope(store)
    if pipeline is None:
        if scope is not None:
            raise UsageError("--scope goes with --pipeline")
        return None, None
    chosen = find_pipeline(PIPELINES, pipeline)
    if scope is not None and not scope.isprintable():
        raise UsageError(f"{scope!r} is no scope: it has characters that cannot be printed")
    return chosen, None if scope is None else chosen.scope(scope)
