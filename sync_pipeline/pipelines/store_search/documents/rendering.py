"""A document rendered once: content to bytes, its fingerprint, and the ``sync`` part spliced in behind.

What belongs here: bytes. What does not: what a document says. Absent values are left out, lists are always there;
fields stand in the order of the struct, so equal content is equal bytes. The fingerprint is XXH3-64 of the content
alone, as 16 hex digits: a later version, batch or moment of the same content has the same one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec
from xxhash import xxh3_64_hexdigest

from sync_pipeline.operations import Operation, Rejected
from sync_pipeline.pipelines.store_search.documents.dates import iso_utc

if TYPE_CHECKING:
    from datetime import datetime

#: The largest body, in bytes. Elasticsearch takes requests of 100 MB; a document near that is a mistake in the record.
MAX_BODY = 5_000_000

_encode = msgspec.json.Encoder().encode


def render(document: msgspec.Struct) -> tuple[bytes, str]:
    """Returns the content as UTF-8 JSON, and its fingerprint."""
    content = _encode(document)
    return content, xxh3_64_hexdigest(content)


def splice(content: bytes, *, fingerprint: str, version: int, batch_id: str | int, synced_at: datetime) -> bytes:
    """Adds its ``sync`` object to ``content`` (a JSON object with at least one field), without encoding it again."""
    return b'%b,"sync":{"fingerprint":"%b",%b' % (
        content[:-1],
        fingerprint.encode(),
        _tail(version, batch_id, synced_at),
    )


def upsert(
    key: str,
    document: msgspec.Struct,
    *,
    record: msgspec.Struct,
    version: int,
    batch_id: str | int,
    synced_at: datetime,
) -> Operation | Rejected:
    """Returns the write of ``document``, or a rejection of its ``record`` when the body would exceed ``MAX_BODY``."""
    content, fingerprint = render(document)
    body = splice(content, fingerprint=fingerprint, version=version, batch_id=batch_id, synced_at=synced_at)
    if len(body) > MAX_BODY:
        size = f"{len(body) / 1e6:.1f} MB"
        message = f"{key} is {size} large as a search document; at most {MAX_BODY / 1e6:.0f} MB can be indexed"
        return rejected(key, "too_large", message, record=record, version=version)
    return Operation(key=key, version=version, fingerprint=fingerprint, body=body)


def rejected(key: str, reason: str, message: str, *, record: msgspec.Struct, version: int) -> Rejected:
    """Returns a dead letter for ``record``, with the fields that were read as its payload."""
    return Rejected(key=key, reason=reason, message=message, payload=_encode(record), version=version)


@lru_cache(maxsize=16)  # one page of records shares all three
def _tail(version: int, batch_id: str | int, synced_at: datetime) -> bytes:
    return _encode({"version": version, "batch_id": batch_id, "synced_at": iso_utc(synced_at)})[1:] + b"}"
