"""Request bodies, read within bounds of size and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from sync_pipeline.api.problems import ProblemError

if TYPE_CHECKING:
    from fastapi import Request

MOST_BYTES = 64 * 1024
MOST_SECONDS = 10.0


async def read_body(request: Request) -> bytes:
    """Returns the body as it was sent. Raises ProblemError when it is encoded, too large, or too long under way."""
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ProblemError(415, "the body must come without a content-encoding")
    if int(request.headers.get("content-length", 0)) > MOST_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(MOST_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise _too_large()
    except TimeoutError:
        raise ProblemError(408, f"the body did not arrive within {MOST_SECONDS:g} s") from None
    except ClientDisconnect:
        raise ProblemError(400, "the body is cut") from None
    return bytes(body)


def _too_large() -> ProblemError:
    return ProblemError(413, f"the body is larger than {MOST_BYTES} bytes")
