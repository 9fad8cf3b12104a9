"""The words that sources, delivery and destinations share: operations, outcomes, and how a write can go wrong.

Connectors speak these words and import nothing else of the core, so that a sixth destination is one connector.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sync_pipeline.errors import Retry, SyncPipelineError


class Action(StrEnum):
    """What an operation asks of a destination."""

    UPSERT = "upsert"
    DELETE = "delete"


class Outcome(StrEnum):
    """What became of one record. Every record read or found absent ends as exactly one of these."""

    WRITTEN = "written"
    DELETED = "deleted"
    UNCHANGED = "unchanged"
    STALE = "stale"
    FILTERED = "filtered"
    DEAD_LETTERED = "dead_lettered"


@dataclass(slots=True, frozen=True)
class Operation:
    """One idempotent, versioned write.

    ``key`` is the destination's document id; ``version`` grows per key (an older one must never win); ``fingerprint``
    is the 64-bit content hash as 16 hex digits; ``body`` is the document rendered once, as UTF-8 JSON, or None for a
    delete. ``absent`` marks the delete of a key that was found only in the destination: no record of it was read.
    """

    key: str
    version: int
    action: Action = Action.UPSERT
    fingerprint: str = ""
    body: bytes | None = None
    absent: bool = False


@dataclass(slots=True, frozen=True)
class Filtered:
    """A record that by rule is not for the destination (hidden, draft, …), with the rule's short name."""

    key: str
    reason: str
    version: int = 0


@dataclass(slots=True, frozen=True)
class Unchanged:
    """A record whose document the destination already has, to the last letter."""

    key: str


@dataclass(slots=True, frozen=True)
class Rejected:
    """A record that cannot become a document; it goes to the dead letters.

    ``reason`` is the class (``malformed``, ``too_large``, …), ``message`` one line that a merchant understands,
    ``payload`` the record as it came (bounded by the dead-letter store).
    """

    key: str
    reason: str
    message: str
    payload: bytes = b""
    version: int = 0


Item = Operation | Filtered | Unchanged | Rejected


@dataclass(slots=True, frozen=True)
class ItemError:
    """Why a destination refused one operation of a chunk. ``retryable`` refusals do not count against the record."""

    reason: str
    message: str
    retryable: bool


#: What a destination answers for one operation: an outcome, or why not.
ItemResult = Outcome | ItemError


class DestinationError(SyncPipelineError):
    """A whole chunk was not taken, and the same chunk will not be taken later either (wrong key, missing index)."""

    kind = "destination"
    retry = Retry.PERSON


class RetryableDestinationError(DestinationError):
    """A whole chunk was not acknowledged (busy, cut, timed out); the same chunk may be taken later.

    ``wait`` is the service's own waiting time in seconds, if it gave one.
    """

    kind = "destination_unavailable"
    exit_status = 3
    retry = Retry.LATER

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class ChunkRejectedError(DestinationError):
    """A whole chunk was refused because of what is in it (too large, malformed); a part of it may be taken."""

    kind = "chunk_rejected"
    retry = Retry.NEVER
