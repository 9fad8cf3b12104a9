"""What the client's exceptions mean, in one place and in one line.

What belongs here: reading an exception of the vendor's client. What does not: who raises what in consequence
(cluster.py for single calls, bulk.py for chunks).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sync_pipeline.connectors.elasticsearch.shards import is_unavailable
from sync_pipeline.connectors.elasticsearch.tls import distrust
from sync_pipeline.errors import Retry, SyncPipelineError, one_line


class SearchClusterError(SyncPipelineError):
    """Elasticsearch understood a call and refused it.

    ``status`` is the HTTP status, ``error_type`` Elasticsearch's own name of the error (may be empty).
    """

    kind = "search_cluster"
    retry = Retry.PERSON

    def __init__(self, message: str, *, status: int | None = None, error_type: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type


_KEY_ADVICE = (
    "; ELASTICSEARCH_API_KEY must be what Elasticsearch called `encoded` when it made the key, or ELASTICSEARCH_URL "
    "have a user and password"
)


@dataclass(slots=True, frozen=True)
class Failure:
    """Why a call failed: ``message`` continues "Elasticsearch at host …".

    ``status`` is None when there was no usable answer; ``wait`` is the server's ``Retry-After`` in seconds, if any;
    ``lacks_shards``: what was asked of is not available just now, whatever the status.
    """

    message: str
    status: int | None = None
    error_type: str = ""
    wait: float | None = None
    lacks_shards: bool = False

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later: no answer, busy, or broken on the server's side."""
        return self.status is None or self.status in {408, 429} or self.status >= 500 or self.lacks_shards

    @property
    def unauthorised(self) -> bool:
        """Whether the key is missing, wrong or not allowed to do this."""
        return self.status in {401, 403}


def client_errors() -> tuple[type[Exception], ...]:
    """Returns every exception by which the client says that a call failed; imports the client."""
    from elasticsearch import ApiError, TransportError  # noqa: PLC0415 - 0.3 CPU-s

    return ApiError, TransportError


def describe(error: Exception) -> Failure:
    """Returns the failure behind an exception of ``client_errors()``."""
    from elasticsearch import ApiError, ConnectionTimeout, SerializationError, UnsupportedProductError  # noqa: PLC0415 - 0.3 CPU-s

    match error:
        case UnsupportedProductError():
            return Failure("is not Elasticsearch")
        case ApiError():
            error_type, reason = _reason(error.body)
            text = one_line(Exception(": ".join(part for part in (error_type, reason) if part)), 300)
            return Failure(
                f"answered {error.meta.status}: {text}{_KEY_ADVICE if error.meta.status == 401 else ''}",
                status=error.meta.status,
                error_type=error_type,
                wait=seconds(error.meta.headers.get("retry-after")),
                lacks_shards=isinstance(error.body, dict) and is_unavailable(error.body.get("error")),
            )
        case ConnectionTimeout():
            return Failure("did not answer in time")
        case SerializationError():
            return Failure("gave an answer that is not (whole) JSON")
        case _:
            return Failure(distrust(error) or f"cannot be reached: {one_line(error, 300)}")


def _reason(body: Any) -> tuple[str, str]:
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return "", str(error or "no reason given")
    cause = error.get("caused_by")
    reasons = [error.get("reason"), cause.get("reason") if isinstance(cause, dict) else None]
    return str(error.get("type", "")), ": ".join(str(reason) for reason in reasons if reason)


def seconds(retry_after: str | None) -> float | None:
    """Returns the waiting time that a ``Retry-After`` header asks for; None for none, or a date."""
    return float(retry_after) if retry_after and retry_after.strip().isdecimal() else None
