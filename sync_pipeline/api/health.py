"""`GET /health/live` and `/health/ready`: whether the process answers, and whether it could store an event."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response

from sync_pipeline.api.problems import RETRY_AFTER, ProblemError
from sync_pipeline.batches.database import check_server, reachable
from sync_pipeline.batches.schema import NEWEST_REVISION, revision
from sync_pipeline.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from sqlalchemy import Engine

MOST_SECONDS = 5.0


def health_router(engine: Engine) -> APIRouter:
    """Returns the two routes, for a ledger."""
    router = APIRouter(prefix="/health", tags=["health"])
    thread = ThreadPoolExecutor(1, "health")  # one look at a time, however many ask
    needed = NEWEST_REVISION

    @router.get("/live", summary="Whether the process answers")
    async def live() -> Response:
        return _well()

    @router.get("/ready", summary="Whether events can be stored", responses={503: {"description": "They cannot"}})
    async def ready() -> Response:
        try:
            async with asyncio.timeout(MOST_SECONDS):
                found = await asyncio.get_running_loop().run_in_executor(thread, _revision, engine)
        except (ServiceUnavailableError, TimeoutError):
            raise ProblemError(503, "the ledger cannot be reached or takes no writes", RETRY_AFTER) from None
        if found != needed:
            raise ProblemError(503, "the ledger is not upgraded: run `sync-pipeline db upgrade`", RETRY_AFTER)
        return _well()

    return router


def _revision(engine: Engine) -> str | None:
    check_server(engine)
    with reachable(engine), engine.connect() as connection:
        return revision(connection)


def _well() -> Response:
    return Response(b'{"status":"ok"}', media_type="application/json")
