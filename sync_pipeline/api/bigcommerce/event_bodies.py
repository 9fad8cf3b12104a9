"""The body of a webhook: bytes in, the event to be stored out. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

from sync_pipeline.api.problems import ProblemError
from sync_pipeline.pipelines.store_search.events.inbox import NewEvent
from sync_pipeline.pipelines.store_search.events.scopes import MalformedEventError, event_key

# Printable ASCII: PostgreSQL takes no NUL, and a scope is a path.
_SCOPE = re.compile(r"[!-~]{1,200}")
_HASH = re.compile(r"[0-9a-f]{40}")


def parse_event(body: bytes, store_hash: str) -> NewEvent | None:
    """Returns the event of a store in a webhook's body; None if it is about nothing of ours. Raises ProblemError."""
    try:
        payload = body.decode()
        content: Any = msgspec.json.decode(payload)
    except UnicodeDecodeError:
        raise ProblemError(400, "the body is not UTF-8") from None
    except (msgspec.DecodeError, RecursionError):
        raise ProblemError(400, "the body is not JSON") from None
    if not isinstance(content, dict):
        raise ProblemError(400, "the body is no JSON object")
    scope, data = content.get("scope"), content.get("data")
    if not isinstance(scope, str) or not _SCOPE.fullmatch(scope):
        raise ProblemError(400, "`scope` must be 1 to 200 printable ASCII characters")
    if not isinstance(data, dict | list):
        raise ProblemError(400, "`data` must be an object or an array")
    if content.get("producer") != f"stores/{store_hash}":
        raise ProblemError(400, "`producer` is not the store that the path names")
    try:
        key = event_key(scope, data)
    except MalformedEventError:
        raise ProblemError(422, "`data` does not say which record the event is about") from None
    return None if key is None else NewEvent(store_hash, scope, key, _hash(content.get("hash"), body), payload)


def _hash(sent: Any, body: bytes) -> str:
    """Returns BigCommerce's hash of the event, or else one of our own."""
    if isinstance(sent, str) and _HASH.fullmatch(sent.lower()):
        return sent.lower()
    return hashlib.sha1(body, usedforsecurity=False).hexdigest()
