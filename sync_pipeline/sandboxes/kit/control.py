"""What every handler of the control API shares: reading its body, and answering in JSON, errors included."""

from __future__ import annotations

from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.responses import Response

from sync_pipeline.errors import UsageError
from sync_pipeline.sandboxes.bigcommerce.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    Handler = Callable[[Request], Awaitable[Any]]

T = TypeVar("T")


def answering(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """``handler`` as an endpoint: what it returns as JSON, what it raises as ``{"error": …}``."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            data, status = await handler(request), HTTPStatus.OK
        except ApiError as error:
            data, status = {"error": error.title}, HTTPStatus(error.status)
        except (UsageError, msgspec.ValidationError, msgspec.DecodeError) as error:
            data, status = {"error": str(error)}, HTTPStatus.BAD_REQUEST
        return Response(msgspec.json.encode(data), status, media_type="application/json")

    return answer


async def body_of(request: Request, kind: type[T]) -> T:
    """The body as ``kind``; raises msgspec.DecodeError."""
    return msgspec.json.decode(await request.body(), type=kind)
