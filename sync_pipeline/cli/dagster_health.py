"""What `health` says of Dagster: its daemon, the sensors and schedules that the project needs, runs, and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sync_pipeline.health import look, look_into, troubles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.cli.environment import Environment
    from sync_pipeline.pipeline import Finding


def dagster_findings(here: Environment) -> Sequence[Finding]:
    """Looks at the instance that this command would use."""
    from sync_pipeline.orchestration.instance import (  # noqa: PLC0415 - Dagster costs a second of every command
        current_instance,
        describe_storage,
        reachable_storage,
    )

    here.become_dagster()
    storage = look("Dagster storage", lambda: f"{describe_storage()}, instance in {here.dagster_home}")
    if storage.exit_status:
        return [storage]

    def ask() -> Sequence[Finding]:
        with reachable_storage():
            return _of_instance(here, current_instance())

    return [storage, *look_into("Dagster", ask)]


def _of_instance(here: Environment, instance: Any) -> Sequence[Finding]:
    from sync_pipeline.definitions import build_defs  # noqa: PLC0415 - as above
    from sync_pipeline.orchestration import advice, disagreements, evaluations, starting  # noqa: PLC0415
    from sync_pipeline.orchestration.runs import check_loadable  # noqa: PLC0415

    definitions = build_defs(here.pipelines)
    daemon = look("Dagster daemon", lambda: starting.check_daemon(instance))

    def code_location() -> str:
        check_loadable(definitions)
        if daemon.exit_status:
            return "loads"
        starting.check_evaluated(instance)
        return "loads, evaluated by the daemon"

    needed = evaluations.needed(definitions)
    found = evaluations.evaluations(instance, needed)
    off = [f"{name} {found[name].trouble}" for name in sorted(found) if found[name].trouble]
    names = [pipeline.name for pipeline in here.pipelines]
    odd = [
        *disagreements.runs_without_batch(instance, here.ledger, names),
        *disagreements.batches_without_run(instance, here.ledger),
    ]
    return [
        daemon,
        look("code location", code_location),
        *troubles("automation", off, f"none of {len(needed)} sensors and schedules is stopped or fails"),
        *troubles("runs", odd, "runs and batches agree"),
        *troubles("Dagster settings", advice.unset(instance), "as they should be", warning=True),
    ]
