"""`health`: what works and what does not, a line each; docs/operations.md has the cure for each line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sync_pipeline.batches.database import check_server, reachable
from sync_pipeline.batches.lanes import refusals
from sync_pipeline.batches.queue import stalled
from sync_pipeline.batches.schema import NEWEST_REVISION, revision
from sync_pipeline.batches.states import Status
from sync_pipeline.batches.waiting import overdue, waits_since
from sync_pipeline.cli.dagster_health import dagster_findings
from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json
from sync_pipeline.cli.output import emit_json, say
from sync_pipeline.health import look, look_into, troubles

if TYPE_CHECKING:
    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.cli.environment import Environment
    from sync_pipeline.pipeline import Finding

MARKS = {"ok": "ok  ", "warning": "warn", "failure": "FAIL"}


def health(as_json: Json = False) -> int:
    """Checks daemon, code location, databases, state directory, batches, and what each pipeline needs."""
    with environment("health") as here:
        findings = [
            look("state directory", lambda: _state_directory(here)),
            ledger := look("ledger", lambda: _ledger(here)),
        ]
        # Everything else would only say again that it is away.
        if not ledger.exit_status:
            findings += [
                look("fencing", lambda: _fencing(here)),
                *look_into("batches", lambda: _batches(here.ledger)),
                *look_into("Dagster", lambda: dagster_findings(here)),
            ]
            for pipeline in here.pipelines:
                findings += look_into(pipeline.name, lambda pipeline=pipeline: pipeline.health(here.open(pipeline)))
    if as_json:
        emit_json(
            [
                {"what": one.what, "ok": not one.exit_status, "level": one.level, "detail": one.detail}
                for one in findings
            ]
        )
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            say(f"{MARKS[finding.level]}  {finding.what:<{width}}  {finding.detail}")
    return max((finding.exit_status for finding in findings), default=0)


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
    return f"PostgreSQL {version}, revision {found} of {NEWEST_REVISION}"


def _fencing(here: Environment) -> str:
    refused = refusals(here.ledger)
    where = ": " + ", ".join(f"{count} in {lane}" for lane, count in refused.items()) if refused else ""
    return f"{sum(refused.values())} stale writes rejected{where}"


def _batches(ledger: Ledger) -> list[Finding]:
    still = [
        f"batch {batch.id} of {batch.scope} is stalled since {batch.heartbeat_at:%Y-%m-%d %H:%M:%S}: "
        "no daemon lives that closes it"
        for batch in stalled(ledger)
    ]
    waiting = overdue(ledger)
    if not waiting:
        return troubles("batches", still, "none is stalled or waits for long")
    first = waiting[0]
    line = f"{len(waiting)} may start and wait, batch {first.id} since {waits_since(first):%Y-%m-%d %H:%M} (UTC)"
    # Many stores that are due in the same minute wait for each other's runs.
    busy = bool(ledger.list(status=Status.PROCESSING, limit=1)) and not still
    return [*troubles("batches", [line], "", warning=busy), *troubles("batches", still, "")[: len(still)]]
