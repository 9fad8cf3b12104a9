"""What `health` says of Dagster: its daemon, the sensors and schedules that the project needs, runs, and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sync_pipeline.health import GROUP_SECONDS, look, troubles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sync_pipeline.cli.environment import Environment
    from sync_pipeline.pipeline import Finding

#: A daemon is waited for (daemons.py) for as long as other groups may take, after the storage has answered.
DAGSTER_SECONDS = GROUP_SECONDS + 15.0


def dagster_findings(here: Environment) -> Iterator[Finding]:
    """Looks at the instance that this process uses since ``become_dagster``."""
    from sync_pipeline.orchestration.instance import (  # noqa: PLC0415 - Dagster costs a second of every command
        current_instance,
        describe_storage,
        reachable_storage,
    )

    home = here.dagster_home
    storage = look("Dagster storage", lambda: f"{describe_storage()}, instance in {home}")
    yield storage
    if not storage.exit_status:
        with reachable_storage():
            yield from _of_instance(here, current_instance())


def _of_instance(here: Environment, instance: Any) -> Iterator[Finding]:
    from sync_pipeline.definitions import build_defs  # noqa: PLC0415 - as above
    from sync_pipeline.orchestration import advice, disagreements, evaluations, starting  # noqa: PLC0415
    from sync_pipeline.orchestration.runs import check_loadable  # noqa: PLC0415

    definitions = build_defs(here.pipelines)
    daemon = look("Dagster daemon", lambda: starting.check_daemon(instance), seconds=DAGSTER_SECONDS)
    yield daemon

    def code_location() -> str:
        check_loadable(definitions)
        if daemon.exit_status:
            return "loads"
        starting.check_evaluated(instance)
        return "loads, evaluated by the daemon"

    yield look("code location", code_location)
    needed = evaluations.needed(definitions)
    found = evaluations.evaluations(instance, needed)
    off = [f"{name} {found[name].trouble}" for name in sorted(found) if found[name].trouble]
    yield from troubles("automation", off, f"none of {len(needed)} sensors and schedules is stopped or fails")
    names = [pipeline.name for pipeline in here.pipelines]
    odd = [
        *disagreements.runs_without_batch(instance, here.ledger, names),
        *disagreements.batches_without_run(instance, here.ledger),
    ]
    yield from troubles("runs", odd, "runs and batches agree")
    yield from troubles("Dagster settings", advice.unset(instance), "as they should be", warning=True)
