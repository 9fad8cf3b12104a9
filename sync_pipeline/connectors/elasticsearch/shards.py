"""Shards that are not available just now: an answer may look whole, and lack what they have.

What belongs here: reading errors of shards in the answers to gets, searches, counts and refreshes. What does not:
asking again (patience.py does while an answer ``lacks_shards``), and what a call's status means (failures.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sync_pipeline.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Elasticsearch's names of errors after which the same shard may answer.
UNAVAILABLE = frozenset(
    {
        # TransportActions.isShardNotAvailableException of Elasticsearch 9.4, without IndexNotFoundException: a new
        # primary that has not started, one that moves, or whose node has gone. Some of them have status 404.
        "already_closed_exception",
        "no_shard_available_action_exception",
        "shard_not_found_exception",
        "unavailable_shards_exception",
        # IllegalIndexShardStateException, which is one of these, with what derives from it.
        "illegal_index_shard_state_exception",
        "index_shard_closed_exception",
        "index_shard_not_recovering_exception",
        "index_shard_not_started_exception",
        "index_shard_recovering_exception",
        "index_shard_relocated_exception",
        "index_shard_started_exception",
        "shard_not_in_primary_mode_exception",
        # The way to its node: org.elasticsearch.transport and org.elasticsearch.node.
        "connect_transport_exception",
        "node_closed_exception",
        "node_disconnected_exception",
        "node_not_connected_exception",
        "receive_timeout_transport_exception",
        # Too busy (status 429 of a whole call).
        "circuit_breaking_exception",
        "es_rejected_execution_exception",
    }
)


def is_unavailable(error: Any) -> bool:
    """Returns whether an error, as Elasticsearch tells it, is of shards that are not available.

    Of a search's, all of them.
    """
    if not isinstance(error, dict):
        return False
    if error.get("type") == "search_phase_execution_exception":
        failed = error.get("failed_shards") or []
        return bool(failed) and all(is_unavailable(shard.get("reason")) for shard in failed)
    return error.get("type") in UNAVAILABLE


def lacks_shards(body: Any) -> bool:
    """Returns whether an answer, whatever its status, lacks what shards have that are not available just now."""
    if not isinstance(body, dict):
        return False
    if "error" in body:
        # The end of a task has an error, too, but no status: it would be the same again.
        return "status" in body and is_unavailable(body["error"])
    if any(is_unavailable(document.get("error")) for document in body.get("docs", ()) if isinstance(document, dict)):
        return True
    shards = body.get("_shards") or {}
    if shards.get("failed"):
        # A failure that is not listed is one of these: Elasticsearch leaves them out of some answers.
        return all(is_unavailable(failure.get("reason")) for failure in shards.get("failures", ()))
    # Of a refresh that no shard has done no failure is told.
    return bool(shards.get("total")) and shards.get("successful") == 0


def check_shards(body: Mapping[str, Any], doing: str) -> None:
    """Raises ServiceUnavailableError, in a line that begins with ``doing``, when an answer lacks shards."""
    if lacks_shards(body):
        raise ServiceUnavailableError(f"{doing}: a part of the index is not available")
