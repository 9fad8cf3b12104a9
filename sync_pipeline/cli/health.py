"""`health`: what works and what does not, a line each."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from sync_pipeline.batches.database import check_server, make_engine, reachable
from sync_pipeline.batches.lanes import refusals
from sync_pipeline.batches.schema import newest_revision, revision
from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json
from sync_pipeline.cli.output import emit_json, say
from sync_pipeline.connectors.elasticsearch.health import cluster_health
from sync_pipeline.errors import ServiceUnavailableError, SyncPipelineError, one_line
from sync_pipeline.local.engines import running

if TYPE_CHECKING:
    from collections.abc import Callable

    import typer

    from sync_pipeline.cli.environment import Environment

DISK_FREE_WARNING = 0.10


def register(app: typer.Typer) -> None:
    """Adds the verb to the command line."""
    app.command()(health)


def health(as_json: Json = False) -> int:
    """Daemon, code location, databases, search cluster, every store's token and scopes, state directory."""
    with environment("health") as here:
        findings = [
            _finding("state directory", lambda: _state_directory(here)),
            _finding("ledger", lambda: _ledger(here)),
            _finding("lanes", lambda: _lanes(here)),
            _finding("Dagster storage", lambda: _dagster_storage(here)),
            _finding("search cluster", lambda: _search_cluster(here)),
            _finding("Dagster daemon", lambda: _daemon(here)),
            _finding("code location", lambda: _code_location(here)),
        ]
        findings += _stores(here)
    if as_json:
        emit_json([{key: value for key, value in finding.items() if key != "exit_status"} for finding in findings])
    else:
        width = max(len(finding["what"]) for finding in findings)
        for finding in findings:
            say(f"{'ok  ' if finding['ok'] else 'FAIL'}  {finding['what']:<{width}}  {finding['detail']}")
    return max((finding["exit_status"] for finding in findings), default=0)


def _finding(what: str, look: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"what": what, "ok": True, "detail": look(), "exit_status": 0}
    except SyncPipelineError as error:
        return {"what": what, "ok": False, "detail": one_line(error), "exit_status": error.exit_status}


def _state_directory(here: Environment) -> str:
    folder = here.given.state_dir
    here.dagster_home  # noqa: B018 - made here, so that it is known to be writable
    free = os.statvfs(folder)
    return f"{folder}, {free.f_bavail * free.f_frsize / 1e9:.1f} GB free"


def _ledger(here: Environment) -> str:
    engine = here.ledger.engine
    version = check_server(engine)
    with reachable(engine), engine.connect() as connection:
        found = revision(connection)
    return f"PostgreSQL {version}, revision {found} of {newest_revision()}"


def _lanes(here: Environment) -> str:
    refused = refusals(here.ledger)
    if not refused:
        return "no write of a holder that was too late had to be refused"
    return "refused writes of holders that were too late: " + ", ".join(f"{n} in {name}" for name, n in refused.items())


def _dagster_storage(here: Environment) -> str:
    engine: Engine = make_engine(here.settings.dagster_database_url or "")
    try:
        return f"PostgreSQL {check_server(engine)}"
    finally:
        engine.dispose()


def _search_cluster(here: Environment) -> str:
    async def look() -> str:
        async with here.store_search.cluster() as cluster:
            info = await cluster.check()
            state = await cluster_health(cluster)
        if state.read_only:
            raise ServiceUnavailableError(
                f"Elasticsearch {info.version} takes no writes to {', '.join(state.read_only)}"
            )
        free = "" if state.disk_free is None else f", {state.disk_free:.0%} of the disk free"
        if state.disk_free is not None and state.disk_free < DISK_FREE_WARNING:
            raise ServiceUnavailableError(f"Elasticsearch {info.version} is nearly full{free}")
        return f"Elasticsearch {info.version}, {state.status}{free}"

    return asyncio.run(look())


def _daemon(here: Environment) -> str:
    from sync_pipeline.orchestration.runs import daemon_is_alive  # noqa: PLC0415 - Dagster costs a second of every command

    here.become_dagster()
    if not daemon_is_alive():
        raise SyncPipelineError("no heartbeat: enqueued batches wait until one runs (`sync-pipeline dev`)")
    return "alive"


def _code_location(here: Environment) -> str:
    from sync_pipeline.definitions import build_defs  # noqa: PLC0415
    from sync_pipeline.orchestration.runs import check_loadable  # noqa: PLC0415

    check_loadable(build_defs())
    live = running(here.given.state_dir)
    served = live is not None and "code_server" in live.services and live.services["code_server"].alive()
    return "loads" + (", served" if served else ", not served here")


def _stores(here: Environment) -> list[dict[str, Any]]:
    pipeline = here.store_search

    def look(store_hash: str) -> str:
        store = here.stores.get(store_hash)
        if store.uninstalled_at is not None:
            raise SyncPipelineError(f"it uninstalled the app: `sync-pipeline stores reenter-token {store_hash}`")

        async def ask() -> str:
            async with pipeline.catalog(store) as catalog:
                scopes = await catalog.probe_scopes()
            missing = sorted(scope for scope, granted in scopes.items() if not granted)
            if missing:
                raise SyncPipelineError(f"the token lacks {', '.join(missing)}")
            return f"token works, all {len(scopes)} scopes"

        return asyncio.run(ask())

    return [_finding(f"store {store.hash}", lambda store=store: look(store.hash)) for store in here.stores.list()]
