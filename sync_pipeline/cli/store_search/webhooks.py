"""`webhooks`: the hooks at BigCommerce that send a store's events to the receiver."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import typer

from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json, StoreHash
from sync_pipeline.cli.output import emit_json, emit_rows, note, say
from sync_pipeline.cli.store_search.opened import store_search, stores_of
from sync_pipeline.errors import UsageError
from sync_pipeline.local.folder import running_url
from sync_pipeline.pipelines.store_search.events import hooks

app = typer.Typer(help="Webhooks at BigCommerce: register, list, remove.", no_args_is_help=True)

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="The receiver's public address; by default the one registered before, or that of `dev`.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be done.")]


@app.command()
def register(store: StoreHash, url: Url = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Creates the store's hooks, puts right what became of them, and removes those of channels that are gone."""
    with environment("webhooks register") as here:
        row = stores_of(here).get(store)
        address = url or row.webhook_url or running_url(here.given.state_dir, "api")
        if address is None:
            raise UsageError(f"store {store} has no address yet: give --url, such as https://hooks.example.com")
        note(f"asking BigCommerce about the webhooks of store {store}")
        changes = asyncio.run(hooks.register(store_search(here), row, address, dry_run=dry_run))
    _tell(changes, dry_run=dry_run, as_json=as_json)


@app.command("list")
def list_hooks(store: StoreHash, as_json: Json = False) -> None:
    """Lists the hooks that the store's token sees, without their secrets."""
    with environment("webhooks list") as here:
        found = asyncio.run(hooks.listed(store_search(here), stores_of(here).get(store)))
    columns = ("id", "is_active", "scope", "destination")
    rows: list[dict[str, Any]] = [{name: getattr(hook, name) for name in columns} for hook in found]
    emit_rows(rows, columns, as_json=as_json, empty=f"store {store} has no webhooks")


@app.command()
def remove(store: StoreHash, url: Url = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Deletes the store's hooks that lead to the receiver; others are left alone."""
    with environment("webhooks remove") as here:
        changes = asyncio.run(hooks.remove(store_search(here), stores_of(here).get(store), url, dry_run=dry_run))
    _tell(changes, dry_run=dry_run, as_json=as_json)


def _tell(changes: hooks.HookChanges, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        emit_json({**asdict(changes), "dry_run": dry_run})
        return
    names = ("created", "repaired", "removed", "unchanged")
    counts = [(name, len(getattr(changes, name))) for name in names]
    done = ", ".join(f"{count} {name}" for name, count in counts if count) or "none there"
    say(f"{'dry run: ' if dry_run else ''}webhooks of store {changes.store_hash}: {done} ({changes.destination})")
