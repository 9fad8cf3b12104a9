"""`sync run`: one batch, here with a progress bar, or left to the daemon."""

from __future__ import annotations

import os
import sys
import threading
import uuid
from contextlib import contextmanager, redirect_stderr
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from sync_pipeline.batches.database import LedgerUnavailableError
from sync_pipeline.batches.failures import describe
from sync_pipeline.batches.queue import reap
from sync_pipeline.batches.requests import Ask
from sync_pipeline.batches.states import Status
from sync_pipeline.cli.batches import batch_fields, batch_seconds, scope_words, totals
from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import ConfirmDeletes, Delay, Enqueue, Json, PipelineName, ScopeName, Store, target
from sync_pipeline.cli.output import emit_json, emit_rows, is_watched, report_error, say, warn
from sync_pipeline.errors import SyncPipelineError, UsageError
from sync_pipeline.terminal_text import escaped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.models import SyncBatch
    from sync_pipeline.batches.requests import BatchRequest
    from sync_pipeline.cli.environment import Environment
    from sync_pipeline.delivery.preview import Preview

app = typer.Typer(help="Run a synchronisation.", no_args_is_help=True)

Type = Annotated[
    str | None,
    typer.Option("--type", help="Of a store: all (the default), product, category, blog, stop-words or synonyms."),
]
ModeOption = Annotated[
    str, typer.Option(help="full: rebuild. incremental: what changed since the last batch. selective: --ids.")
]

POLL_SECONDS = 0.5


@app.callback()
def sync() -> None:
    """Run a synchronisation."""


@app.command()
def run(
    store: Store = None,
    pipeline: PipelineName = None,
    scope: ScopeName = None,
    type_: Type = None,
    mode: ModeOption = "full",
    ids: Annotated[str | None, typer.Option(metavar="ID,…", help="With --mode selective: which records.")] = None,
    confirm_deletes: ConfirmDeletes = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Full, of everything: replace what another ledger made.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do; write nothing.")] = False,
    enqueue: Enqueue = False,
    delay: Delay = None,
    as_json: Json = False,
) -> int:
    """Synchronises a scope, such as a store: one batch, to its end."""
    chosen, full_scope = target(store, pipeline, scope)
    request = chosen.ask(
        Ask(
            chosen.scope_name(full_scope),
            type_ or chosen.types[0],
            mode=mode,
            ids=None if ids is None else ids.split(","),
            options={"take_over": True} if take_over else {},
            confirm_deletes=confirm_deletes,
            delay=timedelta(seconds=delay or 0),
            dry_run=dry_run,
        )
    )
    if delay is not None and not enqueue:
        raise UsageError("--delay goes with --enqueue")
    with environment("sync run") as here:
        chosen.check_scope(here.ledger, full_scope)
        if dry_run and not enqueue:
            _tell_previews(chosen.dry_run(here.open(chosen), request), as_json=as_json)
            return 0
        if enqueue:
            leave_to_daemon(here, request, as_json=as_json)
            return 0
        batch, exit_status = run_here(here, request)
    report(batch, as_json=as_json)
    return exit_status


def _tell_previews(previews: Mapping[str, Preview], *, as_json: bool) -> None:
    rows = [{"part": str(part), **asdict(found)} for part, found in previews.items()]
    columns = ("part", "create", "update", "delete", "unchanged", "filtered", "dead_lettered")
    emit_rows(rows, columns, as_json=as_json, empty="nothing to do")
    if as_json:
        return
    for row in rows:
        for change in row["sample"]:
            fields = "; ".join(f"{name}: {old} → {new}" for name, (old, new) in change["fields"].items())
            say(f"{change['key']}  {fields}")


def run_here(here: Environment, request: BatchRequest) -> tuple[SyncBatch, int]:
    """Runs a batch in this process, recorded in Dagster, with progress; returns it at its end and an exit status."""
    from sync_pipeline.definitions import build_assembly  # noqa: PLC0415
    from sync_pipeline.orchestration.runs import run_job  # noqa: PLC0415 - Dagster costs a second of every command

    here.become_dagster()
    reap(here.ledger)
    run_id = str(uuid.uuid4())
    batch = here.ledger.request(replace(request, reserved_for=run_id))
    try:
        assembly = build_assembly(here.pipelines)
        member = assembly.member(batch)
        # Dagster tells stderr of every attempt to reach its storage; the person gets one line at the end.
        with _progress(here.ledger, batch), here.log_file.open("a", encoding="utf-8") as log, redirect_stderr(log):
            unexpected = run_job(
                assembly.definitions,
                member.job(batch.type),
                batch=batch,
                run_id=run_id,
                partition_set=member.partition_set,
                partition_key=member.pipeline.scope_name(batch.scope),
                title=member.pipeline.title(here.ledger, batch.scope),
            )
    except KeyboardInterrupt:
        # A step closes its batch by itself; before the first one nothing does, and it would wait to be found lost.
        if here.ledger.get(batch.id).status in {Status.PENDING, Status.PROCESSING}:
            here.ledger.cancel(batch.id)
        raise
    batch = here.ledger.get(batch.id)
    if batch.status == Status.COMPLETED:
        return batch, 0
    if batch.status in {Status.PENDING, Status.PROCESSING}:
        # The run could not even close it: say why, and leave no batch open behind.
        failure = describe(unexpected or SyncPipelineError("the run ended without a result"))
        batch = here.ledger.fail(batch, **asdict(failure))
    return batch, int((batch.error or {}).get("exit_status", 1))


def report(batch: SyncBatch, *, as_json: bool) -> None:
    """Prints one summary line of a finished batch; a failure goes to stderr."""
    if as_json:
        emit_json(batch_fields(batch))
    elif batch.status == Status.COMPLETED:
        say(
            f"batch {batch.id} ({batch.type} of {scope_words(batch.scope)}) completed: {totals(batch.counts) or 'done'}"
            f" in {batch_seconds(batch)} s"
        )
    if batch.status != Status.COMPLETED:
        error = batch.error or {}
        report_error(f"batch {batch.id} ({batch.type} of {scope_words(batch.scope)}) failed: {error.get('message')}")


@contextmanager
def _progress(ledger: Ledger, batch: SyncBatch) -> Iterator[None]:
    """Shows the running figures of the batch while the block works; nothing without a terminal."""
    if not is_watched():
        yield
        return
    done = threading.Event()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[stats]}", markup=False),
        TimeElapsedColumn(),
    )
    # Dagster sends what a run writes to stderr into its log; the bar keeps the terminal by a descriptor of its own.
    with (
        os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8") as terminal,
        Progress(
            *columns,
            console=Console(file=terminal, highlight=False),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as bar,
    ):
        task = bar.add_task(f"batch {batch.id}", total=None, stats="starting")

        def watch() -> None:
            while not done.wait(POLL_SECONDS):
                try:
                    now = ledger.get(batch.id)
                except LedgerUnavailableError:
                    continue
                bar.update(task, stats=_stats(now))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _stats(batch: SyncBatch) -> str:
    parts = []
    for part in batch.planned or ():
        if part in batch.counts:
            parts.append(f"✓ {part}")
        elif part in batch.progress:
            stats = batch.progress[part]
            total = f" of {stats['total']}" if stats.get("total") else ""
            # A verify looks again at what differs before it says so.
            again = f", {stats['suspects']} of them again" if stats.get("suspects") else ""
            parts.append(f"{part} {stats.get('read', 0)}{total}{again}")
    return escaped(" · ".join(parts) or batch.status)


def leave_to_daemon(here: Environment, request: BatchRequest, *, as_json: bool) -> None:
    """Stores a pending batch and prints it."""
    batch = here.ledger.request(replace(request, max_attempts=1 + here.given.sync_pipeline_retries))
    warn_without_daemon(here)
    emit_json(batch_fields(batch)) if as_json else say(f"batch {batch.id} is pending")


def warn_without_daemon(here: Environment) -> None:
    """Says so when nothing would start what was enqueued: no Dagster daemon lives, or it does not look for batches."""
    from sync_pipeline.orchestration.instance import current_instance, reachable_storage  # noqa: PLC0415
    from sync_pipeline.orchestration.starting import why_nothing_starts  # noqa: PLC0415

    here.become_dagster()
    with reachable_storage():
        why = why_nothing_starts(current_instance())
    if why is not None:
        warn(why)
