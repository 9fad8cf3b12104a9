"""`dead-letters list|show|replay|discard|export`: records that could not be delivered, and what to do about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json, Number, PipelineName, ScopeName, Store, selection
from sync_pipeline.cli.output import emit_fields, emit_json, emit_json_line, emit_rows, say
from sync_pipeline.cli.sync import report, run_here
from sync_pipeline.delivery.dead_letters import LetterState, end_letter, find_letters, get_letter, stream_letters
from sync_pipeline.delivery.replay import replay
from sync_pipeline.pipeline import find_pipeline
from sync_pipeline.pipelines.registry import PIPELINES

if TYPE_CHECKING:
    from sync_pipeline.batches.models import DeadLetter

app = typer.Typer(help="Dead letters: list, show, replay, discard, export.", no_args_is_help=True)

State = Annotated[LetterState | None, typer.Option("--state", help="Only those in this state.")]

COLUMNS = ("id", "scope", "key", "state", "reason", "attempts", "last_error")


@app.command("list")
def list_letters(
    store: Store = None,
    pipeline: PipelineName = None,
    scope: ScopeName = None,
    state: State = LetterState.OPEN,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: Json = False,
) -> None:
    """Lists dead letters, the newest first; the open ones unless --state names another."""
    chosen, full_scope = selection(store, pipeline, scope)
    with environment("dead-letters list") as here:
        found = find_letters(here.ledger, pipeline=chosen and chosen.name, scope=full_scope, state=state, limit=limit)
    emit_rows(
        [_fields(letter) for letter in found],
        COLUMNS,
        as_json=as_json,
        empty="no dead letters",
        brief=True,
        spare=("scope", "attempts"),
    )


@app.command()
def show(letter: Number, as_json: Json = False) -> None:
    """Shows one dead letter with its payload, as the record came."""
    with environment("dead-letters show") as here:
        found = get_letter(here.ledger, letter)
    emit_fields({**_fields(found), "payload": _payload(found)}, as_json=as_json)


@app.command("replay")
def replay_letter(letter: Number, as_json: Json = False) -> int:
    """Reads the record again and delivers it, as a batch of its own."""
    with environment("dead-letters replay") as here:
        found = get_letter(here.ledger, letter)
        batch, exit_status = run_here(here, replay(here.ledger, find_pipeline(PIPELINES, found.pipeline), letter))
        after = get_letter(here.ledger, letter)
    if as_json:
        emit_json(_fields(after))
    else:
        report(batch, as_json=False)
        say(
            f"dead letter {letter} ({found.key}) is {after.state}"
            + (f": {after.last_error}" if after.state == LetterState.OPEN else "")
        )
    return exit_status or int(after.state == LetterState.OPEN)


@app.command()
def discard(letter: Number, as_json: Json = False) -> None:
    """Ends a dead letter without delivering it."""
    with environment("dead-letters discard") as here:
        end_letter(here.ledger, letter, LetterState.DISCARDED)
    emit_json({"id": letter, "state": "discarded"}) if as_json else say(f"dead letter {letter} is discarded")


@app.command()
def export(store: Store = None, pipeline: PipelineName = None, scope: ScopeName = None, state: State = None) -> None:
    """Exports dead letters with their payloads, one JSON object a line."""
    chosen, full_scope = selection(store, pipeline, scope)
    with environment("dead-letters export") as here:
        for letter in stream_letters(here.ledger, pipeline=chosen and chosen.name, scope=full_scope, state=state):
            emit_json_line({**_fields(letter), "payload": _payload(letter)})


def _fields(letter: DeadLetter) -> dict[str, Any]:
    names = ("id", "pipeline", "scope", "key", "state", "reason", "attempts", "first_error", "last_error")
    return {name: getattr(letter, name) for name in (*names, "version", "batch_id", "created_at", "updated_at")}


def _payload(letter: DeadLetter) -> str:
    return letter.payload.decode("utf-8", errors="replace")
