"""An index as a destination: chunks of operations in, one result for each out.

What belongs here: rendering a bulk request and reading its answer. What does not: retrying, bisecting and
dead letters (delivery), and the making of indices.

Idempotence: every write carries its version as ``external_gte``, so that one that was applied but not acknowledged is
simply applied again, and an older one is refused by Elasticsearch itself.

A bulk to an index that is gone would make it anew, without mappings: engines differ in every way to forbid that for one
request. So each bulk is followed by one small look at the index, before anything is acknowledged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from sync_pipeline.connectors.elasticsearch.failures import client_errors, describe
from sync_pipeline.connectors.elasticsearch.indices import was_made
from sync_pipeline.connectors.elasticsearch.reading import get, scan
from sync_pipeline.connectors.elasticsearch.shards import UNAVAILABLE
from sync_pipeline.errors import one_line
from sync_pipeline.operations import (
    Action,
    Capabilities,
    ChunkRejectedError,
    DestinationError,
    ItemError,
    Outcome,
    RetryableDestinationError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
    from sync_pipeline.connectors.elasticsearch.failures import Failure
    from sync_pipeline.connectors.elasticsearch.reading import StoredDocument
    from sync_pipeline.operations import ItemResult, Operation

# The client copies a body of the NDJSON type twice; Elasticsearch takes it as JSON all the same.
_HEADERS = {"accept": "application/json", "content-type": "application/json"}
_ANSWER = "errors,items.*.status,items.*.error.type,items.*.error.reason"

#: Errors of the index or the key, not of the document: no record is to blame.
_INDEX_ERRORS = {
    "cluster_block_exception",
    "index_closed_exception",
    "index_not_found_exception",
    "media_type_header_exception",
    "security_exception",
}


class _Error(msgspec.Struct, gc=False):
    type: str | None = None
    reason: str | None = None


class _Item(msgspec.Struct, gc=False):
    status: int
    error: _Error | None = None


class _Answer(msgspec.Struct, gc=False):
    errors: bool
    items: list[dict[str, _Item]] = []


class BulkIndex:
    """One physical index, made by ``StoreIndices.create``, that takes up to ``max_items`` operations and ``max_bytes``
    of bodies in a request. ``max_bytes`` shrinks when a request is too large for the cluster or a proxy before it.
    """

    def __init__(
        self, cluster: SearchCluster, index: str, *, max_items: int = 1_000, max_bytes: int = 5_000_000
    ) -> None:
        self.capabilities = Capabilities()
        self.cluster = cluster
        self.index = index
        self.max_items = max_items
        self.max_bytes = max_bytes
        self._path = f"/{quote(index, safe='')}/_bulk?filter_path={_ANSWER}"

    async def write(self, operations: Sequence[Operation[bytes]]) -> list[ItemResult]:
        """Writes a chunk; returns one result for each operation, in order.

        Written, deleted (also when already gone), stale (the index has a newer version), or an ItemError. Raises
        RetryableDestinationError when the chunk was not acknowledged, ChunkRejectedError when the request was refused
        for what is in it, DestinationError when the index is gone or closed or the key is refused.
        """
        if not operations:
            return []
        try:
            answer = await self.cluster.client.perform_request(
                "POST", self._path, headers=_HEADERS, body=render(operations)
            )
            items = msgspec.convert(answer.body, _Answer).items
            if len(items) != len(operations) or not all(items):
                raise RetryableDestinationError(self._said(f"answered {len(items)} of {len(operations)} operations"))
            made = await was_made(self.cluster.client, self.index)
        except msgspec.ValidationError as error:
            raise RetryableDestinationError(self._said("gave no answer to a bulk request")) from error
        except client_errors() as error:
            failure = describe(error)
            if failure.status == 413 and len(operations) > 1:
                size = sum(operation.size for operation in operations)
                self.max_bytes = min(self.max_bytes, size // 2)
            raise self._refusal(failure) from error
        if not made:
            raise DestinationError(self._said("does not have this index (any more)"))
        return [self._result(operation, item) for operation, item in zip(operations, items, strict=True)]

    def scan(
        self, fields: Sequence[str] = (), query: dict[str, Any] | None = None
    ) -> AsyncGenerator[list[StoredDocument]]:
        """Yields every document with its version and the given source fields, in pages; see ``reading.scan``."""
        return scan(self.cluster, self.index, fields=fields, query=query)

    async def get(self, keys: Sequence[str], fields: Sequence[str] = ("*",)) -> dict[str, StoredDocument]:
        """Returns the documents of some keys, by key, as last written; see ``reading.get``."""
        return await get(self.cluster, self.index, keys, fields=fields)

    def _result(self, operation: Operation[bytes], item: dict[str, _Item]) -> ItemResult:
        (done,) = item.values()
        delete = operation.action is Action.DELETE
        if done.status < 300 or (done.status == 404 and delete and done.error is None):
            return Outcome.DELETED if delete else Outcome.WRITTEN
        if done.status == 409:
            return Outcome.STALE
        error = done.error or _Error()
        retryable = done.status == 429 or done.status >= 500 or error.type in UNAVAILABLE
        message = one_line(Exception(error.reason or "no reason given"), 300)
        if error.type in _INDEX_ERRORS and not retryable:
            raise DestinationError(self._said(f"takes no writes: {message}"))
        return ItemError(reason=error.type or f"status_{done.status}", message=message, retryable=retryable)

    def _refusal(self, failure: Failure) -> DestinationError:
        text = self._said(failure.message)
        if failure.retryable:
            return RetryableDestinationError(text, wait=failure.wait, refused=failure.status == 429)
        if failure.status in {400, 413} and failure.error_type not in _INDEX_ERRORS:
            return ChunkRejectedError(text)
        return DestinationError(text)

    def _said(self, what: str) -> str:
        return f"writing to {self.index}: Elasticsearch at {self.cluster.host} {what}"


def render(operations: Sequence[Operation[bytes]]) -> bytes:
    """Returns the operations as the body of a bulk request: an action line each, and the document below an upsert's."""
    lines: list[bytes] = []
    for operation in operations:
        place: Any = (msgspec.json.encode(operation.key), operation.version)
        if operation.action is Action.DELETE:
            lines.append(b'{"delete":{"_id":%b,"version":%d,"version_type":"external_gte"}}\n' % place)
        else:
            body = operation.body or b"{}"
            if b"\n" in body:
                # Between JSON tokens a line break is white space; in a bulk request it would begin the next line.
                body = body.replace(b"\n", b" ")
            lines.append(b'{"index":{"_id":%b,"version":%d,"version_type":"external_gte"}}\n%b\n' % (*place, body))
    return b"".join(lines)
