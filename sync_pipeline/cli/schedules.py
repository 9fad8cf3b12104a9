"""`schedules add|list|change|remove`: batches that recur."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from sync_pipeline.batches import schedules
from sync_pipeline.batches.cron import next_runs
from sync_pipeline.batches.requests import Ask, Mode
from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json, Number, PipelineName, ScopeName, Store, selection, target
from sync_pipeline.cli.output import emit_json, emit_rows, say
from sync_pipeline.errors import UsageError
from sync_pipeline.pipeline import find_pipeline
from sync_pipeline.pipelines.registry import PIPELINES

if TYPE_CHECKING:
    from sync_pipeline.batches.models import SyncSchedule

#: How many coming runs `--dry-run` shows.
SHOWN = 5
COLUMNS = ("id", "pipeline", "scope", "type", "mode", "cron", "timezone", "active", "next run")

app = typer.Typer(help="Schedules: add, list, change, remove.", no_args_is_help=True)

CronHelp = 'Five fields, e.g. "0 2 * * *".'
ZoneHelp = "The time zone that the times are in, e.g. Europe/Berlin."


@app.command()
def add(
    cron: Annotated[str, typer.Option(help=CronHelp)],
    store: Store = None,
    pipeline: PipelineName = None,
    scope: ScopeName = None,
    type_: Annotated[
        str | None,
        typer.Option("--type", help="Of a store: all (the default), product, category, blog, stop-words, synonyms."),
    ] = None,
    timezone: Annotated[str, typer.Option(help=ZoneHelp)] = "UTC",
    mode: Annotated[str, typer.Option(help="full or incremental.")] = "full",
    dry_run: Annotated[bool, typer.Option("--dry-run", help=f"Show the next {SHOWN} runs; add nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Makes a batch of a scope, such as a store, recur."""
    chosen, full_scope = target(store, pipeline, scope)
    what = chosen.ask(Ask(chosen.scope_name(full_scope), type_ or chosen.types[0], mode=_recurring(mode)))
    with environment("schedules add") as here:
        chosen.check_scope(here.ledger, full_scope)
        runs = next_runs(cron, timezone, here.ledger.clock.now(), SHOWN)
        if dry_run:
            _tell_runs(runs, timezone, as_json=as_json)
            return
        made = schedules.add_schedule(here.ledger, what, cron=cron, timezone=timezone)
    emit_json(schedule_fields(made)) if as_json else say(f"schedule {schedule_line(made)}")


@app.command("list")
def list_schedules(
    store: Store = None,
    pipeline: PipelineName = None,
    scope: ScopeName = None,
    as_json: Json = False,
) -> None:
    """Lists schedules, and when each runs next."""
    chosen, full_scope = selection(store, pipeline, scope)
    with environment("schedules list") as here:
        if chosen is not None and full_scope is not None:
            chosen.check_scope(here.ledger, full_scope)
        found = schedules.list_schedules(here.ledger, pipeline=chosen and chosen.name, scope=full_scope)
    rows = [schedule_fields(one) if as_json else _row(one) for one in found]
    emit_rows(rows, COLUMNS, as_json=as_json, empty="no schedules")


@app.command()
def change(
    schedule_id: Number,
    cron: Annotated[str | None, typer.Option(help=CronHelp)] = None,
    timezone: Annotated[str | None, typer.Option(help=ZoneHelp)] = None,
    mode: Annotated[str | None, typer.Option(help="full or incremental.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Whether it runs at all.")] = None,
    as_json: Json = False,
) -> None:
    """Changes what is given of a schedule; it runs next at its next time from now."""
    if cron is timezone is mode is active is None:
        raise UsageError("nothing to change: give --cron, --timezone, --mode, --active or --inactive")
    with environment("schedules change") as here:
        before = schedules.get_schedule(here.ledger, schedule_id)
        if mode is not None:
            chosen = find_pipeline(PIPELINES, before.pipeline)
            chosen.ask(Ask(chosen.scope_name(before.scope), before.type, mode=_recurring(mode)))
        changed = schedules.change_schedule(
            here.ledger,
            schedule_id,
            cron=cron,
            timezone=timezone,
            mode=None if mode is None else Mode(mode),
            active=active,
        )
    emit_json(schedule_fields(changed)) if as_json else say(f"schedule {schedule_line(changed)}")


@app.command()
def remove(schedule_id: Number, as_json: Json = False) -> None:
    """Removes a schedule; its batches stay as history."""
    with environment("schedules remove") as here:
        schedules.remove_schedule(here.ledger, schedule_id)
    emit_json({"removed": schedule_id}) if as_json else say(f"schedule {schedule_id} removed")


def _recurring(mode: str) -> str:
    if mode == Mode.SELECTIVE:
        raise UsageError("mode selective does not recur: a schedule is full or incremental")
    return mode


def schedule_fields(schedule: SyncSchedule) -> dict[str, Any]:
    """Returns the schedule as every machine-readable answer gives it."""
    names = (
        *("id", "pipeline", "scope", "store_hash", "type", "mode", "cron", "timezone", "active", "paused_reason"),
        *("next_run_at",),
        *("created_at", "updated_at"),
    )
    return {name: getattr(schedule, name) for name in names}


def schedule_line(schedule: SyncSchedule) -> str:
    """Returns the schedule in a few words: `3: incremental all at "30 * * * *" UTC, next 2026-03-01 12:30`."""
    when = f"next {_local(schedule.next_run_at, schedule.timezone)}" if schedule.active else "inactive"
    return f'{schedule.id}: {schedule.mode} {schedule.type} at "{schedule.cron}" {schedule.timezone}, {when}'


def _row(schedule: SyncSchedule) -> dict[str, Any]:
    return {
        **schedule_fields(schedule),
        "scope": schedule.scope.partition(":")[2],
        "active": schedule.paused_reason or ("yes" if schedule.active else "no"),
        "next run": _local(schedule.next_run_at, schedule.timezone) if schedule.active else None,
    }


def _tell_runs(runs: list[datetime], timezone: str, *, as_json: bool) -> None:
    if as_json:
        emit_json({"next_runs": runs})
        return
    for run in runs:
        say(f"{_local(run, timezone)} {timezone}")


def _local(moment: datetime, timezone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}"
