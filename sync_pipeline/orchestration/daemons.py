"""Dagster's daemons: whether one works on the instance, and whether it is only one.

Dagster keeps one heartbeat for each kind of daemon, which two processes overwrite in turn; so the sensor that is
evaluated every few seconds notes whose heartbeats it saw.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from sync_pipeline.errors import SyncPipelineError

if TYPE_CHECKING:
    from collections.abc import Callable

    import dagster as dg

    #: When each daemon was seen first and last, by its id, in seconds since the epoch.
    Seen = dict[str, list[float]]

#: A heartbeat comes every 30 s. What was silent for so long no longer works, however busy the machine.
SILENCE_SECONDS = 60.0
#: A sign of life that is no older needs no second one.
FRESH_SECONDS = 10.0
#: Nobody waits longer for it: by then a heartbeat should have come.
WAIT_SECONDS = 30.0
POLL_SECONDS = 0.5
#: Whose heartbeats are noted: that of the daemon which evaluates the sensor.
KIND = "SENSOR"
REMEMBERED = 4


def note_daemon(instance: dg.DagsterInstance, cursor: str | None) -> str:
    """Returns the cursor with what the newest heartbeat adds to it."""
    seen = _seen(cursor)
    beat = instance.get_daemon_heartbeats().get(KIND)
    if beat is not None:
        name = str(beat.daemon_id)
        first, last = seen.pop(name, [beat.timestamp, beat.timestamp])
        seen[name] = [first, max(last, beat.timestamp)]
    return json.dumps({"daemons": dict([*seen.items()][-REMEMBERED:])})


def has_noted(cursor: str | None) -> bool:
    """Returns whether the cursor is one that ``note_daemon`` made: that of the project's own sensor."""
    try:
        noted = json.loads(cursor or "{}")
    except ValueError:
        return False
    return isinstance(noted, dict) and isinstance(noted.get("daemons"), dict)


def working_daemons(cursor: str | None, now: float) -> list[str]:
    """Returns the daemons that work side by side, by what was noted; one or none that follow each other are no such.

    One that took another's place was first seen after the other's last heartbeat.
    """
    recent = {name: times for name, times in _seen(cursor).items() if now - times[1] < SILENCE_SECONDS}
    return sorted(
        name
        for name, (first, last) in recent.items()
        if any(other != name and first < ended and began < last for other, (began, ended) in recent.items())
    )


def _seen(cursor: str | None) -> Seen:
    # What somebody else wrote, such as a person in the UI, holds nothing.
    return dict(json.loads(cursor)["daemons"]) if cursor and has_noted(cursor) else {}


def last_heartbeat(instance: dg.DagsterInstance) -> float:
    """Returns when a daemon of whatever kind was last heard, in seconds since the epoch; 0 for never."""
    return max((beat.timestamp for beat in instance.get_daemon_heartbeats().values()), default=0.0)


def check_alive(sign_of_life: Callable[[], float], *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Returns when a daemon works; waits for its next sign of life when the last one is not fresh.

    ``sign_of_life`` gives the time of the last one, 0 for never. Raises SyncPipelineError when none comes.
    """
    began = time.time()
    while (silence := time.time() - sign_of_life()) >= FRESH_SECONDS:
        if silence >= SILENCE_SECONDS or time.time() - began >= WAIT_SECONDS:
            raise SyncPipelineError("no sign of life: enqueued batches wait until one runs (`sync-pipeline dev`)")
        sleep(POLL_SECONDS)
