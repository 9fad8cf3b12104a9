"""Errors as RFC 9457 problem documents: a status, its title, and one short line that never repeats what was sent."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import Response
from starlette.exceptions import HTTPException

from sync_pipeline.errors import SyncPipelineError, one_line
from sync_pipeline.logs import Log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

MEDIA_TYPE = "application/problem+json"
#: For whoever asks again when something that is needed comes back.
RETRY_AFTER = {"Retry-After": "10"}

log = Log("sync_pipeline.api")


class ProblemError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Returns the problem document."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return Response(msgspec.json.encode(content), status, headers, MEDIA_TYPE)


def answer_with_problems(app: FastAPI) -> None:
    """Makes every error of the application a problem document."""
    app.add_exception_handler(ProblemError, _raised)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(SyncPipelineError, _unavailable)
    app.add_exception_handler(Exception, _unexpected)


async def _raised(_: Request, error: Any) -> Response:
    return problem(error.status, error.detail, error.headers)


async def _refused(_: Request, error: Any) -> Response:
    return problem(error.status_code, error.detail, error.headers)


async def _unavailable(_: Request, error: Any) -> Response:
    log.warning("not served", kind=error.kind, reason=one_line(error))
    return problem(503, "this service cannot do its work at the moment: try again later", RETRY_AFTER)


async def _unexpected(_: Request, error: Any) -> Response:
    log.error("unexpected error", kind=type(error).__name__)
    return problem(500, "an unexpected error: the log of this service says more")
