"""`health`: what works and what does not, a line each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sync_pipeline.batches.database import check_server, reachable
from sync_pipeline.batches.lanes import refusals
from sync_pipeline.batches.schema import NEWEST_REVISION, revision
from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json
from sync_pipeline.cli.output import emit_json, say
from sync_pipeline.errors import SyncPipelineError, one_line
from sync_pipeline.health import look
from sync_pipeline.local.engines import running
from sync_pipeline.pipeline import Finding

if TYPE_CHECKING:
    from sync_pipeline.cli.environment import Environment


def health(as_json: Json = False) -> int:
    """Checks daemon, code location, databases, state directory, and what each pipeline needs."""
    with environment("health") as here:
        findings = [
            look("state directory", lambda: _state_directory(here)),
            look("ledger", lambda: _ledger(here)),
            look("fencing", lambda: _fencing(here)),
            look("Dagster storage", lambda: _dagster_storage(here)),
            look("Dagster daemon", lambda: _daemon(here)),
            look("code location", lambda: _code_location(here)),
        ]
        for pipeline in here.pipelines:
            try:
                findings += pipeline.health(here.open(pipeline))
            except SyncPipelineError as error:
                findings.append(Finding(pipeline.name, one_line(error), error.exit_status))
    if as_json:
        emit_json([{"what": one.what, "ok": not one.exit_status, "detail": one.detail} for one in findings])
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            say(f"{'FAIL' if finding.exit_status else 'ok  '}  {finding.what:<{width}}  {finding.detail}")
    return max((finding.exit_status for finding in findings), default=0)


def _state_directory(here: Environment) -> str:
    folder = here.given.state_dir
    here.own_home  # noqa: B018 - made here, so that it is known to be writable
    free = os.statvfs(folder)
    return f"{folder}, {free.f_bavail * free.f_frsize / 1e9:.1f} GB free"


def _ledger(here: Environment) -> str:
    engine = here.ledger.engine
    version = check_server(engine)
    with reachable(engine), engine.connect() as connection:
        found = revision(connection)
    return f"PostgreSQL {version}, revision {found} of {NEWEST_REVISION}"


def _fencing(here: Environment) -> str:
    refused = refusals(here.ledger)
    where = ": " + ", ".join(f"{count} in {lane}" for lane, count in refused.items()) if refused else ""
    return f"{sum(refused.values())} stale writes rejected{where}"


def _dagster_storage(here: Environment) -> str:
    from sync_pipeline.orchestration.instance import describe_storage  # noqa: PLC0415 - Dagster costs a second of every command

    here.become_dagster()
    return f"{describe_storage()}, instance in {here.dagster_home}"


def _daemon(here: Environment) -> str:
    from sync_pipeline.orchestration.instance import daemon_is_alive  # noqa: PLC0415 - Dagster costs a second of every command

    here.become_dagster()
    if not daemon_is_alive():
        raise SyncPipelineError("no heartbeat: enqueued batches wait until one runs (`sync-pipeline dev`)")
    return "alive"


def _code_location(here: Environment) -> str:
    from sync_pipeline.definitions import build_defs  # noqa: PLC0415
    from sync_pipeline.orchestration.runs import check_loadable  # noqa: PLC0415

    check_loadable(build_defs(here.pipelines))
    live = running(here.given.state_dir)
    served = live is not None and "code_server" in live.services and live.services["code_server"].alive()
    return "loads" + (", served" if served else ", not served here")
