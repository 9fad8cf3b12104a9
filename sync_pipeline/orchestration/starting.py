"""Whether what is enqueued will be started: by a daemon that evaluates the sensor which starts batches."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sync_pipeline.errors import SyncPipelineError
from sync_pipeline.orchestration.daemons import SILENCE_SECONDS, check_alive, last_heartbeat, working_daemons
from sync_pipeline.orchestration.evaluations import STARTER, Evaluations, evaluations

if TYPE_CHECKING:
    import dagster as dg

NOT_EVALUATED = (
    "a daemon lives, but evaluates nothing of this project: does its code location load (Deployment in the UI)?"
)


def check_daemon(instance: dg.DagsterInstance) -> str:
    """Returns that one daemon works on the instance. Raises SyncPipelineError when none does, or several do."""
    check_alive(lambda: _sign_of_life(instance, _starter(instance)))
    starter = _starter(instance)
    if both := working_daemons(starter.cursor if starter else None, time.time()):
        raise SyncPipelineError(f"{len(both)} daemons work on one storage: stop all but one")
    return "alive"


def check_evaluated(instance: dg.DagsterInstance) -> None:
    """Raises SyncPipelineError when the daemon, which lives, evaluates nothing of this project."""
    starter = _starter(instance)
    if starter is None or (not starter.stopped and starter.silent(time.time())):
        raise SyncPipelineError(NOT_EVALUATED)


def why_nothing_starts(instance: dg.DagsterInstance) -> str | None:
    """Returns why no batch that is enqueued now would be started, without waiting for anything; None when one will."""
    starter = _starter(instance)
    if time.time() - _sign_of_life(instance, starter) > SILENCE_SECONDS:
        return "no Dagster daemon lives: the batch starts when one does (`sync-pipeline dev`)"
    if starter is None or (not starter.stopped and starter.silent(time.time())):
        return NOT_EVALUATED
    return f"the sensor {STARTER}, which starts batches, {starter.trouble}" if starter.trouble else None


def _starter(instance: dg.DagsterInstance) -> Evaluations | None:
    return evaluations(instance, [STARTER]).get(STARTER)


def _sign_of_life(instance: dg.DagsterInstance, starter: Evaluations | None) -> float:
    return max(last_heartbeat(instance), starter.evaluated_at if starter else 0.0)
