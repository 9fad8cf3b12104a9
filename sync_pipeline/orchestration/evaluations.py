"""The project's sensors and schedules in an instance: whether each is on, and how its last evaluations ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from sync_pipeline.errors import one_line
from sync_pipeline.orchestration.daemons import has_noted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

#: The sensor that starts batches. It is evaluated every few seconds: a sign of the daemon's life, too.
STARTER = "pending_batches"
#: So many evaluations that failed one after the other are no accident.
FAILED_IN_A_ROW = 3
#: The name that the project's own workspaces give its code location; others may give it any other.
LOCATION = "sync_pipeline"
#: What is evaluated every few seconds was not for so long: nothing evaluates it.
SILENCE_SECONDS = 120.0
STARTED, FAILED = "STARTED", "FAILURE"
STOPPED = "STOPPED"


@dataclass(frozen=True)
class Evaluations:
    """A sensor or schedule as the instance has it.

    ``evaluated_at`` is when its last evaluation began (seconds since the epoch, 0 for never); ``failing`` the error of
    the last ones if all of them failed, else empty; ``cursor`` what a sensor noted.
    """

    name: str
    stopped: bool
    evaluated_at: float
    failing: str
    cursor: str | None

    def silent(self, now: float) -> bool:
        """Returns whether it should have been evaluated since; only sensors and schedules of every minute are asked."""
        return now - self.evaluated_at > SILENCE_SECONDS

    @property
    def trouble(self) -> str | None:
        """What is wrong with it, and the cure, or None."""
        if self.stopped:
            return "is stopped: start it in the Dagster UI (Automation)"
        return f"every evaluation fails: {self.failing}" if self.failing else None


def needed(definitions: dg.Definitions) -> list[str]:
    """Returns the names of all sensors and schedules without which batches are not made, started or closed."""
    running = {dg.DefaultSensorStatus.RUNNING, dg.DefaultScheduleStatus.RUNNING}
    every = [*(definitions.sensors or ()), *(definitions.schedules or ())]
    return sorted(one.name for one in every if getattr(one, "default_status", None) in running)


def evaluations(instance: dg.DagsterInstance, names: Collection[str]) -> Mapping[str, Evaluations]:
    """Returns those of these names that were ever evaluated, or started or stopped by hand.

    Only those of the code location in which the project is now: others may have sensors of the same names, and Dagster
    keeps what it knew of a location that was renamed or removed.
    """
    states = instance.all_instigator_state()
    own = _own_repository(instance, [state for state in states if state.name == STARTER])
    found: dict[str, Evaluations] = {}
    for state in states:
        selector = state.repository_selector
        is_own = selector.location_name == LOCATION if own is None else selector == own
        if state.name in names and is_own:
            seen = _seen(instance, state)
            known = found.get(seen.name)
            if known is None or seen.evaluated_at > known.evaluated_at:
                found[seen.name] = seen
    return found


def _own_repository(instance: dg.DagsterInstance, starters: Sequence[Any]) -> Any:
    """Returns where the project is: where the sensor was evaluated last that notes daemons as ours does, or None.

    One that has noted nothing yet is ours where its code location has the name that we give it.
    """
    ours = [
        state for state in starters if has_noted(_cursor(state)) or state.repository_selector.location_name == LOCATION
    ]
    newest = max(ours, key=lambda state: _seen(instance, state).evaluated_at, default=None)
    return None if newest is None else newest.repository_selector


def _cursor(state: Any) -> str | None:
    return getattr(state.instigator_data, "cursor", None)


def _seen(instance: dg.DagsterInstance, state: Any) -> Evaluations:
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1 + FAILED_IN_A_ROW)
    ended = [tick for tick in ticks if tick.status.value != STARTED][:FAILED_IN_A_ROW]
    error = ended[0].error if ended and all(tick.status.value == FAILED for tick in ended) else None
    while error is not None and error.cause is not None:
        error = error.cause
    return Evaluations(
        name=state.name,
        stopped=state.status.value == STOPPED,
        evaluated_at=max((tick.timestamp for tick in ticks), default=0.0),
        failing="" if error is None else one_line(error.message, 300),
        cursor=_cursor(state),
    )
