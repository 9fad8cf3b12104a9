"""`health`: what works and what does not, a line each; docs/operations.md has the cure for each line."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from typing import TYPE_CHECKING

from sync_pipeline.batches.database import check_server, reachable
from sync_pipeline.batches.lanes import refusals
from sync_pipeline.batches.queue import silent_since, stalled
from sync_pipeline.batches.schema import NEWEST_REVISION, revision
from sync_pipeline.batches.states import Status
from sync_pipeline.batches.waiting import overdue, waits_since
from sync_pipeline.cli.dagster_health import DAGSTER_SECONDS, dagster_findings
from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json
from sync_pipeline.cli.output import emit_json, say
from sync_pipeline.errors import UsageError, one_line
from sync_pipeline.health import GROUP_SECONDS, LOOK_SECONDS, look, look_into, side_by_side, troubles
from sync_pipeline.local.state import StateDirectoryError
from sync_pipeline.pipeline import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.cli.environment import Environment

MARKS = {"ok": "ok  ", "warning": "warn", "failure": "FAIL"}
#: Findings are printed as they come, so that the longest name is not known.
NAME_WIDTH = len("Dagster settings")
#: Bytes: PostgreSQL writes its log ahead in files of 16 MB, and stops when it cannot make one.
LEAST_FREE = 100_000_000


def health(as_json: Json = False) -> int:
    """Checks daemon, code location, databases, state directory, batches, and what each pipeline needs."""
    findings: list[Finding] = []
    for finding in _all_findings():
        findings.append(finding)
        if not as_json:
            say(f"{MARKS[finding.level]}  {finding.what:<{NAME_WIDTH}}  {finding.detail}")
            sys.stdout.flush()
    if as_json:
        emit_json(
            [
                {"what": one.what, "ok": not one.exit_status, "level": one.level, "detail": one.detail}
                for one in findings
            ]
        )
    return max((finding.exit_status for finding in findings), default=0)


def _all_findings() -> Iterator[Finding]:
    try:
        with environment("health") as here:
            yield from _findings(here)
    except StateDirectoryError as error:
        yield Finding("state directory", one_line(error), error.exit_status)


def _findings(here: Environment) -> Iterator[Finding]:
    yield look("state directory", lambda: _state_directory(here))
    # Engines of the folder take their time to start, which is no sign of anything; the answers have bounds.
    yield from (failed := [*look_into("ledger", lambda: _started(here.ledger_url))])
    if failed:
        return
    yield (ledger := look("ledger", lambda: _ledger(here), seconds=GROUP_SECONDS))  # it may be upgraded first
    # Everything else would only say again that it is away.
    if ledger.exit_status:
        return
    looks: list[tuple[str, Callable[[], Iterable[Finding]], float]] = [
        ("fencing", lambda: [Finding("fencing", _fencing(here))], LOOK_SECONDS),
        ("batches", lambda: _batches(here.ledger, [one.name for one in here.pipelines]), LOOK_SECONDS),
    ]
    for pipeline in here.pipelines:
        yield from (failed := [*look_into(pipeline.name, lambda pipeline=pipeline: _started(here.open, pipeline))])
        if not failed:
            ask = partial(pipeline.health, here.open(pipeline))
            looks.append((pipeline.name, ask, GROUP_SECONDS))
    yield from (failed := [*look_into("Dagster", lambda: _started(here.become_dagster))])
    if not failed:
        looks.append(("Dagster", lambda: dagster_findings(here), DAGSTER_SECONDS))
    yield from side_by_side(looks)


def _started(start: Callable[..., object], *given: object) -> Iterable[Finding]:
    """Starts what is looked at; finds nothing but what the start raises."""
    start(*given)
    return []


def _state_directory(here: Environment) -> str:
    folder = here.given.state_dir
    here.dagster_home  # noqa: B018 - made here, so that it is known to be writable
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        raise UsageError(
            f"the state directory {folder} cannot be used: {free / 1e6:.0f} MB are free on its disk; make room, or set "
            "SYNC_PIPELINE_STATE_DIR to a folder on another"
        )
    return f"{folder}, {free / 1e9:.1f} GB free"


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


def _batches(ledger: Ledger, pipelines: Sequence[str]) -> list[Finding]:
    still = [
        f"batch {batch.id} of {batch.scope} is stalled since {silent_since(batch):%Y-%m-%d %H:%M:%S}: "
        "no daemon lives that closes it"
        for batch in stalled(ledger)
    ]
    waiting = overdue(ledger, pipelines)
    if not waiting:
        return troubles("batches", still, "none is stalled or waits for long")
    first = waiting[0]
    line = f"{len(waiting)} may start and wait, batch {first.id} since {waits_since(first):%Y-%m-%d %H:%M} (UTC)"
    # Many stores that are due in the same minute wait for each other's runs.
    busy = bool(ledger.list(status=Status.PROCESSING, limit=1)) and not still
    return [*troubles("batches", [line], "", warning=busy), *troubles("batches", still, "")[: len(still)]]
