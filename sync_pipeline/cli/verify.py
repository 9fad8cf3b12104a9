"""`verify`: whether a destination holds what its source would deliver now, and the repair of what it does not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.batches.requests import VERIFY, Ask, Level
from sync_pipeline.batches.states import Status
from sync_pipeline.cli.batches import batch_seconds, scope_words
from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import ConfirmDeletes, Delay, Enqueue, Json, PipelineName, ScopeName, Store, target
from sync_pipeline.cli.output import emit_rows, say
from sync_pipeline.cli.sync import leave_to_daemon, report, run_here
from sync_pipeline.errors import UsageError

if TYPE_CHECKING:
    from sync_pipeline.batches.models import SyncBatch

COLUMNS = ("part", "read", "stored", "missing", "extra", "differing", "moving", "repaired", "in_step")


def verify(
    store: Store = None,
    pipeline: PipelineName = None,
    scope: ScopeName = None,
    type_: Annotated[
        str | None, typer.Option("--type", help="Only what batches of this type cover: of a store all, product, …")
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Compare also what is costly to read (of a store nothing).")
    ] = False,
    fast: Annotated[bool, typer.Option("--fast", help="Compare the stored fingerprints, not all content.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Deliver what differs again.")] = False,
    confirm_deletes: ConfirmDeletes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare only, also with --repair.")] = False,
    enqueue: Enqueue = False,
    delay: Delay = None,
    as_json: Json = False,
) -> int:
    """Compares a destination with its source, document by document. Exit status 1 when they differ.

    What differs is looked at again for 20 seconds before it is reported: a change may be under way.
    """
    if deep and fast:
        raise UsageError("--deep and --fast exclude each other")
    if delay is not None and not enqueue:
        raise UsageError("--delay goes with --enqueue")
    chosen, full_scope = target(store, pipeline, scope)
    options: dict[str, Any] = {
        "level": (Level.DEEP if deep else Level.FAST if fast else Level.CONTENT).value,
        "repair": repair and not dry_run,
        **({} if type_ is None else {"type": type_}),
    }
    name = chosen.scope_name(full_scope)
    waits = timedelta(seconds=delay or 0)
    request = chosen.ask(Ask(name, VERIFY, options=options, confirm_deletes=confirm_deletes, delay=waits))
    with environment("verify") as here:
        chosen.check_scope(here.ledger, full_scope)
        if enqueue:
            leave_to_daemon(here, request, as_json=as_json)
            return 0
        batch, exit_status = run_here(here, request)
    if as_json or batch.status != Status.COMPLETED:
        report(batch, as_json=as_json)
    else:
        _tell(batch)
    return exit_status or int(not batch.counts.get(VERIFY, {}).get("in_step"))


def _tell(batch: SyncBatch) -> None:
    found = batch.counts[VERIFY]
    rows = [{"part": part, **stats} for part, stats in found["parts"].items()]
    emit_rows(rows, COLUMNS, as_json=False, empty="nothing to compare")
    for row in rows:
        for one in row["sample"]:
            fields = "; ".join(f"{name}: {stored} → {expected}" for name, (stored, expected) in one["fields"].items())
            say(f"{one['key']}  {one['difference']}  {fields}".rstrip())
        different = row["missing"] + row["extra"] + row["differing"]
        if different > len(row["sample"]):
            say(f"… and {different - len(row['sample'])} more of {row['part']}")
    state = "in step" if found["in_step"] else "not in step: with --repair (and no --dry-run) what differs is delivered"
    say(f"batch {batch.id}: {scope_words(batch.scope)} is {state} ({batch_seconds(batch)} s)")
