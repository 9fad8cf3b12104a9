"""Whether the cluster can take writes: its status, its disks, and what is read-only.

What belongs here: reading the cluster's state for a health report. What does not: judging it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster


@dataclass(slots=True, frozen=True)
class ClusterHealth:
    """``status`` is green, yellow or red; ``disk_free`` the fullest node's free share of its disk, 0 to 1, or None.

    ``read_only`` names the asked indices that take no writes (``*`` for the whole cluster). Elasticsearch blocks
    writes itself when a disk is 95 % full (flood stage).
    """

    status: str
    disk_free: float | None
    read_only: list[str]


async def cluster_health(cluster: SearchCluster, *, indices: str = "store-*") -> ClusterHealth:
    """Returns the cluster's health, with the blocks of ``indices`` (a name pattern).

    Raises as ``SearchCluster.errors``.
    """
    with cluster.errors("reading the search cluster's health"):
        status = (await cluster.reads.cluster.health()).body["status"]
        disks = (await cluster.reads.nodes.stats(metric="fs", filter_path="nodes.*.fs.total")).body
        state = (await cluster.reads.cluster.state(metric="blocks", index=indices, filter_path="blocks")).body
        return ClusterHealth(status=status, disk_free=_least_free(disks), read_only=_blocked(state.get("blocks", {})))


def _least_free(stats: dict[str, Any]) -> float | None:
    totals = [node["fs"]["total"] for node in stats.get("nodes", {}).values() if "fs" in node]
    free = [total["available_in_bytes"] / total["total_in_bytes"] for total in totals if total.get("total_in_bytes")]
    return min(free, default=None)


def _blocked(blocks: dict[str, Any]) -> list[str]:
    scopes = {"*": blocks.get("global", {}), **blocks.get("indices", {})}
    return sorted(
        name for name, held in scopes.items() if any("write" in block.get("levels", ()) for block in held.values())
    )
