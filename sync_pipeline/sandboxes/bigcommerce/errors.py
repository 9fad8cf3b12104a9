"""How the API refuses: one exception, told in the three dialects of BigCommerce's families of endpoints.

``catalog`` (v3: an object, ``errors`` keyed by field), ``problem`` (v3 content: ``application/problem+json``,
``errors`` a list of strings) and ``v2`` (a bare list). Shapes: https://docs.bigcommerce.com, status codes and the
pages specification.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from sync_pipeline.sandboxes.bigcommerce.answers import Answer
from sync_pipeline.sandboxes.kit.errors import RefusedError

STATUS_CODES_PAGE = "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes"

TITLES = {
    401: "Unauthorized - the access token is missing or not valid for this store",
    403: "You don't have a required scope to access the endpoint",
    404: "The requested resource was not found.",
    405: "Method Not Allowed",
    429: "Too many requests",
    500: "Internal Server Error",
    503: "The store is unavailable",
    504: "Gateway Timeout",
}


class Dialect(Enum):
    """Which shape of errors an endpoint speaks."""

    CATALOG = "catalog"
    PROBLEM = "problem"
    V2 = "v2"


class ApiError(RefusedError):
    """A refusal. ``errors`` maps a field or parameter to what is wrong with it; ``details`` is v2's extra object."""

    def __init__(
        self,
        status: int,
        title: str = "",
        *,
        errors: dict[str, str] | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(status, title or TITLES[status])
        self.errors = errors
        self.details = details


class UnknownParameterError(ApiError):
    """Query parameters that the endpoint does not have."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(422, f"The filter(s): {', '.join(names)} are not valid filter parameter(s).", errors={})
        self.names = names


def refusal(error: ApiError, dialect: Dialect) -> Answer:
    """Returns the answer that tells ``error`` in ``dialect``.

    A 401 comes from the gateway and has one shape everywhere.
    """
    if dialect is Dialect.V2 and error.status != 401:
        item: dict[str, Any] = {"status": error.status, "message": error.title}
        if error.details:
            item["details"] = error.details
        return Answer(error.status, [item], xml_names=("errors", "error"))
    body: dict[str, Any] = {"status": error.status, "title": error.title, "type": STATUS_CODES_PAGE}
    if dialect is not Dialect.PROBLEM:
        if error.errors is not None:
            body["errors"] = error.errors
        return Answer(error.status, body, xml_names=("error", "error"))
    status = error.status
    if isinstance(error, UnknownParameterError):
        status = body["status"] = 400
        body["title"] = "Bad Request"
        body["detail"] = f"Unsupported query parameter(s): {', '.join(error.names)}"
    elif error.errors:
        body["errors"] = [f"{name}: {reason}" for name, reason in error.errors.items()]
    return Answer(status, body, media_type="application/problem+json")
