"""What the key may do, held against what the project does.

What belongs here: the list of rights and asking for them. What does not: judging and wording (the pipelines' health).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError

if TYPE_CHECKING:
    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster

#: On the cluster, and on the indices of all stores. README and the tests on a secured cluster hold the same list.
CLUSTER = ("monitor", "manage_search_synonyms")
INDICES = ("read", "write", "manage")
PATTERN = "store-*"
#: How servers without security answer: the route is unknown.
NO_SECURITY = {400, 404, 405}


async def missing_privileges(cluster: SearchCluster) -> list[str] | None:
    """Returns the privileges that the key lacks, with what each is on; None on a cluster without security.

    Raises as ``SearchCluster.errors``.
    """
    try:
        with cluster.errors("asking what the key may do"):
            answer = await cluster.reads.security.has_privileges(
                cluster=CLUSTER, index=[{"names": [PATTERN], "privileges": INDICES}]
            )
            on_cluster, on_indices = answer.body["cluster"], answer.body["index"][PATTERN]
            return [
                *(f"{name} on the cluster" for name in CLUSTER if not on_cluster.get(name)),
                *(f"{name} on {PATTERN}" for name in INDICES if not on_indices.get(name)),
            ]
    except SearchClusterError as error:
        if error.status in NO_SECURITY:
            return None
        raise
