"""`stores`: the BigCommerce stores that are synchronised, and their secrets (from a prompt or stdin, never shown)."""

from __future__ import annotations

import asyncio
import hmac
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.batches.schedules import list_schedules
from sync_pipeline.batches.sealing import rotate_keys
from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json
from sync_pipeline.cli.output import emit_fields, emit_json, emit_rows, note, say, warn
from sync_pipeline.cli.schedules import schedule_fields, schedule_line
from sync_pipeline.cli.store_search.opened import store_search, stores_of
from sync_pipeline.errors import SyncPipelineError, UsageError, one_line
from sync_pipeline.pipelines.registry import PIPELINES
from sync_pipeline.pipelines.store_search.index.ownership import check_served, foreign_indices
from sync_pipeline.pipelines.store_search.search import client as serving
from sync_pipeline.pipelines.store_search.source.store_check import StoreFacts, inspect_store
from sync_pipeline.pipelines.store_search.stores.default_schedules import add_default_schedules
from sync_pipeline.pipelines.store_search.stores.stores import UnknownStoreError, check_hash, store_scope

if TYPE_CHECKING:
    from sync_pipeline.cli.environment import Environment
    from sync_pipeline.pipelines.store_search.runtime import StoreSearch
    from sync_pipeline.pipelines.store_search.stores.models import Store

MAX_SECRET = 512

app = typer.Typer(help="Stores: add, list, show, remove, reenter-token, rotate-keys.", no_args_is_help=True)

Hash = Annotated[str, typer.Argument(metavar="HASH", help="The store's hash, as in its API path.")]
TokenStdin = Annotated[bool, typer.Option("--token-stdin", help="Read the access token from a line of stdin.")]
WebhookStdin = Annotated[bool, typer.Option("--webhook-secret-stdin", help="Read the webhook secret, the next line.")]
ClientStdin = Annotated[bool, typer.Option("--client-secret-stdin", help="Read the client secret, the next line.")]
Language = Annotated[str | None, typer.Option(help="Language of the shop's texts; the store's own by default.")]


@app.command()
def add(
    store_hash: Hash,
    name: Annotated[str | None, typer.Option(help="A name for people; the store's own by default.")] = None,
    token_stdin: TokenStdin = False,
    webhook_secret_stdin: WebhookStdin = False,
    client_secret_stdin: ClientStdin = False,
    language: Language = None,
    no_schedules: Annotated[bool, typer.Option("--no-schedules", help="Without schedules.")] = False,
    as_json: Json = False,
) -> None:
    """Adds a store, after checking its token, scopes, language and counts. It gets default schedules.

    One that is there already, such as `demo` brings, keeps what it has when the token is the same.
    """
    check_hash(store_hash)
    token = _secret("access token", from_stdin=token_stdin)
    webhook_secret = _secret("webhook secret", from_stdin=True) if webhook_secret_stdin else None
    client_secret = _secret("client secret", from_stdin=True) if client_secret_stdin else None
    with environment("stores add") as here:
        facts = _inspect(here, store_hash, token, language)
        again = not (webhook_secret or client_secret or name) and _is_known(here, store_hash, token)
        if not again:
            stores_of(here).save(
                store_hash,
                name=name or facts.name,
                token=token,
                language=facts.language,
                webhook_secret=webhook_secret,
                client_secret=client_secret,
            )
        has_schedules = again and list_schedules(here.ledger, scope=store_scope(store_hash))
        recurring = (
            [] if no_schedules or has_schedules else add_default_schedules(here.ledger, store_hash, facts.timezone)
        )
        foreign = _warn_of_another_ledger(here, store_hash)
    if as_json:
        added = {
            "hash": store_hash,
            "name": name or facts.name,
            "schedules": [schedule_fields(one) for one in recurring],
            "foreign_indices": foreign,
        }
        emit_json({**asdict(facts), **added})
        return
    counts = ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in facts.counts.items())
    done = "was there already" if again else "added"
    say(f"store {store_hash} ({name or facts.name}) {done}: {counts}; language {facts.language}")
    if facts.quota is not None:
        requests, seconds = facts.quota
        say(f"its quota of {requests} requests in {seconds:g} s is shared by all its apps")
    for schedule in recurring:
        say(f"schedule {schedule_line(schedule)}")
    say(f"next: sync-pipeline sync run --store {store_hash} --type all")


@app.command("list")
def list_stores(as_json: Json = False) -> None:
    """Lists the stores."""
    with environment("stores list") as here:
        rows = [_fields(store) for store in stores_of(here).list()]
    emit_rows(rows, ("hash", "name", "language", "created_at"), as_json=as_json, empty="no stores yet")


@app.command()
def show(store_hash: Hash, as_json: Json = False) -> None:
    """Shows one store, its words, its schedules and its newest batches."""
    with environment("stores show") as here:
        store = stores_of(here).get(store_hash)
        batches = here.ledger.list(scope=store_scope(store_hash), limit=5)
        fields = {
            **_fields(store),
            "stop_words": len(stores_of(here).stop_words(store_hash)),
            "synonym_rules": len(stores_of(here).synonym_rules(store_hash)),
            "schedules": [
                schedule_fields(one) if as_json else schedule_line(one)
                for one in list_schedules(here.ledger, scope=store_scope(store_hash))
            ],
            "newest_batches": [f"{batch.id} {batch.type} {batch.status}" for batch in batches],
        }
    emit_fields(fields, as_json=as_json)


@app.command()
def remove(
    store_hash: Hash,
    delete_indices: Annotated[bool, typer.Option("--delete-indices", help="Delete its search indices too.")] = False,
    as_json: Json = False,
) -> None:
    """Forgets a store and its secrets; its indices go on answering unless --delete-indices is given."""
    with environment("stores remove") as here:
        stores_of(here).get(store_hash)
        deleted = asyncio.run(_delete_indices(store_search(here), store_hash)) if delete_indices else []
        stores_of(here).remove(store_hash)
    emit_json({"removed": store_hash, "deleted_indices": deleted}) if as_json else say(
        f"store {store_hash} removed" + (f", with {len(deleted)} indices" if deleted else "")
    )


@app.command("reenter-token")
def reenter_token(store_hash: Hash, token_stdin: TokenStdin = False, as_json: Json = False) -> None:
    """Replaces a store's access token, after checking the new one."""
    with environment("stores reenter-token") as here:
        store = stores_of(here).get(store_hash)
        token = _secret("access token", from_stdin=token_stdin)
        _inspect(here, store_hash, token, store.language)
        stores_of(here).change_token(store_hash, token)
    emit_json({"hash": store_hash}) if as_json else say(f"store {store_hash} has its new token")


@app.command("rotate-keys")
def rotate(as_json: Json = False) -> None:
    """Seals every stored secret with the first key of SYNC_PIPELINE_SECRET_KEYS."""
    with environment("stores rotate-keys") as here:
        sealed = [columns for pipeline in PIPELINES for columns in pipeline.sealed()]
        changed = rotate_keys(here.ledger, here.keyring, sealed)
    emit_json({"changed": changed}) if as_json else say(f"{changed} secrets sealed again with the current key")


async def _delete_indices(pipeline: StoreSearch, store_hash: str) -> list[str]:
    async with pipeline.cluster() as cluster:
        await check_served(cluster, store_hash, pipeline.ledger)
        # Another ledger's that nothing serves may be its first, under way.
        spared = await foreign_indices(cluster, store_hash, pipeline.ledger)
        return await serving.delete_indices(cluster, store_hash, spared=spared)


def _inspect(here: Environment, store_hash: str, token: str, language: str | None) -> StoreFacts:
    note(f"asking BigCommerce about store {store_hash}")

    async def ask() -> StoreFacts:
        async with store_search(here).catalog_with(store_hash, token) as catalog:
            return await inspect_store(catalog, store_hash, language_code=language)

    facts = asyncio.run(ask())
    if not facts.has_language_rules:
        warn(f"there are no rules for language {facts.language!r}: words are searched as they are written")
    if facts.status not in {None, "live"}:
        warn(f"the store says that it is {facts.status}")
    return facts


def _warn_of_another_ledger(here: Environment, store_hash: str) -> list[str]:
    """Warns when the search cluster has indices of the store that another ledger made; returns their names."""

    async def ask() -> list[str]:
        async with store_search(here).cluster() as cluster:
            return await foreign_indices(cluster, store_hash, here.ledger)

    try:
        foreign = asyncio.run(ask())
    except SyncPipelineError as error:
        warn(f"whether another ledger made indices of the store is not known: {one_line(error)}")
        return []
    if foreign:
        warn(
            f"another ledger made indices of store {store_hash} ({foreign[0]}): its batches are refused. If no other "
            f"deployment is using them: `sync-pipeline sync run --store {store_hash} --take-over`"
        )
    return foreign


def _is_known(here: Environment, store_hash: str, token: str) -> bool:
    """Returns whether the store is there with this very token."""
    stores = stores_of(here)
    try:
        known = stores.secret(stores.get(store_hash)) or ""
    except UnknownStoreError:
        return False
    return hmac.compare_digest(known.encode(), token.encode())


def _secret(what: str, *, from_stdin: bool) -> str:
    if from_stdin:
        secret = sys.stdin.readline(MAX_SECRET + 2).strip()
    elif sys.stdin.isatty():
        secret = typer.prompt(what.capitalize(), hide_input=True, err=True).strip()
    else:
        raise UsageError(f"no terminal to ask for the {what} on: give --token-stdin and the secret as a line of stdin")
    if not secret:
        raise UsageError(f"the {what} is empty")
    if len(secret) > MAX_SECRET:
        raise UsageError(f"the {what} is longer than {MAX_SECRET} characters")
    return secret


def _fields(store: Store) -> dict[str, Any]:
    return {
        "hash": store.hash,
        "name": store.name,
        "language": store.language,
        "has_webhook_secret": store.webhook_secret is not None,
        "has_client_secret": store.client_secret is not None,
        "created_at": store.created_at,
        "updated_at": store.updated_at,
    }
