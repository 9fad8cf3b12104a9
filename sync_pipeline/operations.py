"""The words that sources, delivery and destinations share: operations, outcomes, what destinations do and hold, errors.

Connectors speak these words and import nothing else of the core, so that a sixth destination is one connector.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sync_pipeline.errors import Retry, SyncPipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping

Body = TypeVar("Body")


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
class Operation(Generic[Body]):
    """One idempotent, versioned write.

    ``key`` is the destination's document id; ``version`` grows per key (an older one must never win); ``fingerprint``
    is the 64-bit content hash as 16 hex digits; ``body`` is the document in the form that its destination takes, None
    for a delete, and ``size`` its bytes, which a body of bytes tells by itself. ``absent`` marks the delete of a key
    that was found only in the destination: no record of it was read. ``record`` is the record that the document is one
    of several of; None: the key is the record's own.
    """

    key: str
    version: int
    action: Action = Action.UPSERT
    fingerprint: str = ""
    body: Body | None = None
    absent: bool = False
    size: int = 0
    record: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.body, bytes):
            object.__setattr__(self, "size", len(self.body))


@dataclass(slots=True, frozen=True)
class Filtered:
    """A record that by rule is not for the destination (hidden, draft, …), with the rule's short name."""

    key: str
    reason: str
    version: int = 0
    record: str | None = None


@dataclass(slots=True, frozen=True)
class Unchanged:
    """A record whose document the destination already has, to the last letter; ``version`` is that of the reading."""

    key: str
    version: int = 0
    record: str | None = None


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
    record: str | None = None


#: What a source gives for one document. All items of one record come in the same page.
Item = Operation[Any] | Filtered | Unchanged | Rejected


@dataclass(slots=True, frozen=True)
class ItemError:
    """Why a destination refused one operation of a chunk. ``retryable`` refusals do not count against the record."""

    reason: str
    message: str
    retryable: bool


#: What a destination answers for one operation: an outcome, or why not.
ItemResult = Outcome | ItemError


@dataclass(frozen=True)
class Capabilities:
    """What a destination does by itself, so that `deliver()` does only the rest.

    ``versioned``: it compares versions, and refuses an older write. Otherwise `deliver()` keeps the order: all writes
    of a key go through one writer, and an older one than was already sent is not sent. That holds within one delivery,
    and for requests that end with their connection: two lanes into the same keys need a versioned destination.
    ``idempotent``: the same write twice leaves what it leaves once.
    ``safe_to_resend``: a chunk whose answer was lost may be sent again as it is. Otherwise (rows that are appended or
    addressed by position) its operations are handed back to be read and made anew, see ``Delivery.reread``.
    """

    versioned: bool = True
    idempotent: bool = True
    safe_to_resend: bool = True

    def __post_init__(self) -> None:
        if self.safe_to_resend and not self.idempotent:
            raise ValueError("what is not idempotent is not safe to resend")


@dataclass(slots=True, frozen=True)
class Stored:
    """A document as the destination holds it.

    ``fingerprint`` is the one that was stored with it (empty for a document that has none), never computed;
    ``content`` is the document without what the project adds to it, and ``reserved`` that, both empty unless the
    content was asked for.
    """

    key: str
    version: int
    fingerprint: str
    content: Mapping[str, Any] = field(default_factory=dict)
    reserved: Mapping[str, Any] = field(default_factory=dict)


class DestinationError(SyncPipelineError):
    """A whole chunk was not taken, and the same chunk will not be taken later either (wrong key, missing index)."""

    kind = "destination"
    retry = Retry.PERSON


class RetryableDestinationError(DestinationError):
    """A whole chunk was not acknowledged (busy, cut, timed out); the same chunk may be taken later.

    ``wait`` is the service's own waiting time in seconds, if it gave one. ``refused``: the destination said that it
    took nothing; otherwise nobody knows what of the chunk was applied.
    """

    kind = "destination_unavailable"
    exit_status = 3
    retry = Retry.LATER

    def __init__(self, message: str, wait: float | None = None, *, refused: bool = False) -> None:
        super().__init__(message)
        self.wait = wait
        self.refused = refused


class AnswerError(DestinationError):
    """A connector answered something that no operation can end as. The batch fails: nothing could be booked truly."""

    kind = "destination_answer"
    retry = Retry.NEVER


class ChunkRejectedError(DestinationError):
    """A whole chunk was refused because of what is in it (too large, malformed); a part of it may be taken."""

    kind = "chunk_rejected"
    retry = Retry.NEVER
