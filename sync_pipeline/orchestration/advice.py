"""What an instance of Dagster should set for this project, and does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg


def unset(instance: dg.DagsterInstance) -> list[str]:
    """Returns a line for each setting that is missing, as it stands in dagster.yaml, with what goes wrong without."""
    queue = instance.get_concurrency_config().run_queue_config
    monitoring = instance.get_settings("run_monitoring") or {}
    lines = []
    if queue is None:
        lines.append("run_coordinator is no QueuedRunCoordinator: all runs start at once")
    elif (queue.max_concurrent_runs or 0) < 1 and not queue.tag_concurrency_limits:
        lines.append("concurrency.runs sets no limit: all runs start at once")
    if not monitoring.get("enabled"):
        lines.append("run_monitoring.enabled is not true: runs whose process died stay")
    elif not monitoring.get("max_runtime_seconds"):
        lines.append("run_monitoring.max_runtime_seconds is not set: runs that hang stay")
    elif not monitoring.get("free_slots_after_run_end_seconds"):
        lines.append("run_monitoring.free_slots_after_run_end_seconds is not set: killed runs keep their slots")
    return lines
