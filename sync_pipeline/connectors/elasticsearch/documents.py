"""An index as a destination that can be read back: documents that carry their fingerprint in an object of their own.

What belongs here: the project's view of documents (``Stored``). What does not: requests (bulk.py, reading.py).
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from sync_pipeline.connectors.elasticsearch import reading
from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.operations import Operation, Stored

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.connectors.elasticsearch.reading import StoredDocument
    from sync_pipeline.operations import Capabilities, ItemResult

#: The object in every document that is the project's own: fingerprint, version, batch and moment.
RESERVED = "sync"


class DocumentIndex:
    """One physical index or, for reading alone, the alias of one. All readings raise as ``SearchCluster.errors``."""

    def __init__(self, cluster: SearchCluster, index: str) -> None:
        self.cluster = cluster
        self.index = index
        self._bulk = BulkIndex(cluster, index)

    @property
    def capabilities(self) -> Capabilities:
        """What the destination does by itself."""
        return self._bulk.capabilities

    @property
    def max_items(self) -> int:
        """The largest number of operations in a chunk."""
        return self._bulk.max_items

    @property
    def max_bytes(self) -> int:
        """The largest sum of body sizes in a chunk, in bytes."""
        return self._bulk.max_bytes

    async def write(self, operations: Sequence[Operation[bytes]]) -> Sequence[ItemResult]:
        """Writes a chunk; see ``BulkIndex.write``."""
        return await self._bulk.write(operations)

    async def get(self, keys: Sequence[str], *, content: bool = False) -> dict[str, Stored]:
        """Returns the documents of some keys, as last written; those that are not there are left out."""
        found = await self._bulk.get(keys, _fields(content=content))
        return {key: _stored(document) for key, document in found.items()}

    async def scan(self, *, content: bool = False, newer_than: int | None = None) -> AsyncGenerator[Sequence[Stored]]:
        """Yields all documents in pages, or those whose version is greater than ``newer_than``."""
        newer: dict[str, Any] | None = None
        if newer_than is not None:
            newer = {"range": {f"{RESERVED}.version": {"gt": newer_than}}}
        await self.refresh()
        async with aclosing(self._bulk.scan(_fields(content=content), newer)) as pages:
            async for page in pages:
                yield [_stored(document) for document in page]

    async def keys(self, query: dict[str, Any] | None = None) -> AsyncGenerator[Sequence[str]]:
        """Yields the keys of all documents, or of those that a query finds, in pages."""
        await self.refresh()
        async with aclosing(self._bulk.scan(query=query)) as pages:
            async for page in pages:
                yield [document.key for document in page]

    async def count(self, query: dict[str, Any] | None = None) -> int:
        """Returns how many documents there are, or how many a query finds."""
        await self.refresh()
        return await reading.count(self.cluster, self.index, query=query)

    async def refresh(self) -> None:
        """Makes everything written so far visible to scans and counts."""
        await reading.refresh(self.cluster, self.index)

    def content_of(self, operation: Operation[bytes]) -> dict[str, Any]:
        """Returns what ``Stored.content`` is once the operation is written."""
        return content_of(operation)


def content_of(operation: Operation[bytes]) -> dict[str, Any]:
    """Returns the document of an upsert, without what the project adds to it."""
    content = msgspec.json.decode(operation.body or b"{}")
    content.pop(RESERVED, None)
    return content


def copy_of(stored: Stored) -> Operation[bytes]:
    """Returns the write of a document that was read with its content, into another index, at the same version."""
    body = msgspec.json.encode({**stored.content, RESERVED: stored.reserved})
    return Operation(stored.key, stored.version, fingerprint=stored.fingerprint, body=body)


def _fields(*, content: bool) -> Sequence[str]:
    return ["*"] if content else [f"{RESERVED}.fingerprint"]


def _stored(document: StoredDocument) -> Stored:
    content = document.source
    reserved = content.pop(RESERVED, {})
    # Somebody else may have written it.
    fingerprint = reserved.get("fingerprint") if isinstance(reserved, dict) else None
    return Stored(document.key, document.version, str(fingerprint or ""), content, reserved)
