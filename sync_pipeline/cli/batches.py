"""`batches list|show|retry|cancel|stats`: what was asked for, and what became of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.batches.ledger import KEPT_OF_ATTEMPT
from sync_pipeline.batches.queue import reap, silent_since, stalled
from sync_pipeline.batches.states import Status
from sync_pipeline.batches.statistics import statistics
from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json, Number, PipelineName, ScopeName, Store, selection
from sync_pipeline.cli.output import emit_fields, emit_json, emit_rows, say, warn

if TYPE_CHECKING:
    from sync_pipeline.batches.models import BatchAttempt, SyncBatch
    from sync_pipeline.cli.environment import Environment

app = typer.Typer(help="Batches: list, show, retry, cancel, stats.", no_args_is_help=True)

#: What a summary in a few words counts; those of the second line of a verify batch, of the last of a dry run.
OUTCOMES = (
    *("read", "written", "deleted", "unchanged", "stale", "filtered", "dead_lettered"),
    *("missing", "extra", "differing", "repaired"),
    *("create", "update", "delete"),
)
COLUMNS = ("id", "pipeline", "scope", "type", "mode", "trigger", "status", "attempt", "requested", "seconds", "result")
#: What a narrow terminal goes without, the first first.
SPARE_COLUMNS = ("pipeline", "attempt", "trigger", "seconds", "mode")


@app.command("list")
def list_batches(
    store: Store = None,
    pipeline: PipelineName = None,
    scope: ScopeName = None,
    status: Annotated[Status | None, typer.Option("--status", help="Only those that stand there.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """Lists batches, the newest first."""
    chosen, full_scope = selection(store, pipeline, scope)
    with environment("batches list") as here:
        name = None if chosen is None else chosen.name
        found = here.ledger.list(pipeline=name, scope=full_scope, status=status, limit=limit)
        silent = {batch.id for batch in stalled(here.ledger)}
    fields = batch_fields if as_json else batch_row
    rows = [fields(batch, stalled=batch.id in silent) for batch in found]
    emit_rows(rows, COLUMNS, as_json=as_json, empty="no batches", brief=True, spare=SPARE_COLUMNS)


@app.command()
def show(batch_id: Number, as_json: Json = False) -> None:
    """Shows one batch with its figures, its error and its earlier attempts."""
    with environment("batches show") as here:
        batch = here.ledger.get(batch_id)
        attempts = here.ledger.attempts(batch_id)
        fields = batch_fields(batch, stalled=batch_id in {silent.id for silent in stalled(here.ledger)})
    if as_json:
        emit_json({**fields, "attempts": [attempt_fields(attempt) for attempt in attempts]})
        return
    emit_fields(fields, as_json=False)
    for attempt in attempts:
        error = (attempt.error or {}).get("message", "")
        say(f"attempt {attempt.attempt}: {attempt.status} {attempt.finished_at:%Y-%m-%d %H:%M:%S} {error}".rstrip())


@app.command()
def retry(batch_id: Number, as_json: Json = False) -> None:
    """Makes a failed batch pending again: the same batch, its next attempt."""
    with environment("batches retry") as here:
        reap(here.ledger)
        batch = here.ledger.retry(batch_id)
    emit_fields(batch_fields(batch), as_json=True) if as_json else say(
        f"batch {batch.id} is pending again, attempt {batch.attempt}"
    )


@app.command()
def cancel(batch_id: Number, as_json: Json = False) -> None:
    """Ends a batch that is pending or processing; it fails as cancelled, and its run is stopped."""
    with environment("batches cancel") as here:
        batch = here.ledger.cancel(batch_id)
        _stop_runs(here, batch)
    emit_json(batch_fields(batch)) if as_json else say(f"batch {batch.id} is cancelled")


def _stop_runs(here: Environment, batch: SyncBatch) -> None:
    """Ends the runs of a batch. A run that is not stopped writes no more: the batch has lost its lane."""
    from sync_pipeline.orchestration.ending import terminate_runs  # noqa: PLC0415 - Dagster costs a second
    from sync_pipeline.orchestration.instance import DagsterStorageUnavailableError  # noqa: PLC0415

    here.become_dagster()
    try:
        terminate_runs(batch, here.ledger.attempts(batch.id))
    except DagsterStorageUnavailableError as error:
        warn(f"a run of batch {batch.id} that there may be was not told to stop, it ends at its next write: {error}")


@app.command()
def stats(as_json: Json = False) -> None:
    """Counts where batches stand, and how those of the last seven days ended."""
    with environment("batches stats") as here:
        found = statistics(here.ledger)
    if as_json:
        emit_json(asdict(found))
        return
    say(", ".join(f"{number} {status}" for status, number in found.by_status.items()) + f" (last {found.days} days)")
    if found.success_share is not None:
        say(f"{found.success_share:.1%} of those that ended succeeded")
    if found.median_seconds is not None:
        say(f"half of them ended within {found.median_seconds:g} s of the request")
    for store, number in found.failures.items():
        say(f"store {store}: {number} failed")


def batch_fields(batch: SyncBatch, *, stalled: bool = False) -> dict[str, Any]:
    """Returns the batch as every machine-readable answer gives it. ``stalled``: its run has fallen silent."""
    names = (
        *("id", "pipeline", "scope", "store_hash", "type", "mode", "ids", "options", "dry_run", "trigger", "status"),
        *("is_scheduled", "schedule_id", "next_run_at", "not_before", "attempt", "max_attempts", "dagster_run_id"),
        "executor",
        *("requested_at", "started_at", "finished_at", "heartbeat_at", "planned", "counts", "progress", "error"),
    )
    fields = {name: getattr(batch, name) for name in names}
    return {**fields, "stalled_since": silent_since(batch) if stalled else None}


def attempt_fields(attempt: BatchAttempt) -> dict[str, Any]:
    """Returns a finished attempt, likewise."""
    return {name: getattr(attempt, name) for name in KEPT_OF_ATTEMPT}


def batch_row(batch: SyncBatch, *, stalled: bool = False) -> dict[str, Any]:
    """Returns the batch as a line of the list. ``stalled``: its run has fallen silent."""
    return {
        "id": batch.id,
        "pipeline": batch.pipeline,
        "scope": batch.scope.partition(":")[2],
        "type": batch.type,
        "mode": f"{batch.mode}, dry run" if batch.dry_run else batch.mode,
        "trigger": batch.trigger,
        "status": batch.status,
        "attempt": batch.attempt,
        "requested": f"{batch.requested_at:%Y-%m-%d %H:%M}",
        "seconds": batch_seconds(batch),
        "result": f"stalled since {silent_since(batch):%Y-%m-%d %H:%M:%S}"
        if stalled
        else (batch.error or {}).get("message") or totals(batch.counts),
    }


def scope_words(scope: str) -> str:
    """Returns a scope as a person says it: `store abc`."""
    return scope.replace(":", " ", 1)


def batch_seconds(batch: SyncBatch) -> str | None:
    """Returns how long the batch worked, in seconds, once it is over."""
    if batch.started_at is None or batch.finished_at is None:
        return None
    return f"{(batch.finished_at - batch.started_at).total_seconds():.1f}"


def totals(counts: dict[str, Any]) -> str:
    """Returns the outcomes of all parts in a few words: `85 read, 80 written, 5 filtered`."""
    sums: dict[str, int] = {}
    for stats in counts.values():
        for name in OUTCOMES:
            sums[name] = sums.get(name, 0) + stats.get(name, 0)
    return ", ".join(f"{number} {name.replace('_', '-')}" for name, number in sums.items() if number)
