"""The application: its routes, its errors, and what runs beside its requests."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from fastapi import FastAPI

from sync_pipeline.api.bigcommerce.receiver import Receiver
from sync_pipeline.api.health import health_router
from sync_pipeline.api.problems import answer_with_problems

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sync_pipeline.pipelines.store_search.stores.stores import Stores


def build_app(stores: Stores, *, signatures: bool = True, monotonic: Callable[[], float] = time.monotonic) -> FastAPI:
    """Build the application on the ledger of ``stores``.

    ``signatures``: whether webhooks' signatures are looked at. ``monotonic``: seconds, for budgets and what is kept.
    """
    receiver = Receiver(stores, signatures=signatures, monotonic=monotonic)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        writing = asyncio.create_task(receiver.writer.run())
        yield
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        receiver.secrets.close()

    app = FastAPI(title="sync_pipeline", redoc_url=None, redirect_slashes=False, lifespan=lifespan)
    answer_with_problems(app)
    app.include_router(receiver.router())
    app.include_router(health_router(stores.ledger.engine))
    return app
