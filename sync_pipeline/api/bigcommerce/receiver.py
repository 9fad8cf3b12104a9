"""`POST /webhooks/bigcommerce/{hash}`: an event is stored, and only then acknowledged.

BigCommerce sends again whatever is not answered with 200, for two days, and stops calling an address of which a tenth
of the answers are errors: so nothing here asks anything but the ledger.
"""

from __future__ import annotations

import hmac
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from sync_pipeline.api.bigcommerce.event_bodies import parse_event
from sync_pipeline.api.bigcommerce.group_commit import EventWriter
from sync_pipeline.api.bigcommerce.signatures import SignatureWatch
from sync_pipeline.api.bigcommerce.store_secrets import SecretCache
from sync_pipeline.api.bodies import MOST_BYTES, read_body
from sync_pipeline.api.problems import MEDIA_TYPE, ProblemError
from sync_pipeline.pipelines.store_search.events.inbox import store_events
from sync_pipeline.pipelines.store_search.stores.stores import is_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync_pipeline.api.bigcommerce.store_secrets import StoreSecrets
    from sync_pipeline.pipelines.store_search.stores.stores import Stores

PATH = "/webhooks/bigcommerce/{hash}"
SECRET_HEADER = "X-Sync-Secret"  # noqa: S105 - its name
_REFUSALS = {
    400: "Not a webhook of this store",
    401: "The secret is missing or wrong",
    404: "No such store",
    413: f"More than {MOST_BYTES} bytes",
    415: "The body is encoded",
    422: "An event that does not say what it is about",
    503: "Not stored: send it again",
}
_DOCUMENTED: dict[str, Any] = {
    "parameters": [
        {"name": "hash", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": SECRET_HEADER, "in": "header", "required": True, "schema": {"type": "string"}},
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["scope", "data", "producer"],
                    "properties": {
                        "scope": {"type": "string", "maxLength": 200, "examples": ["store/product/updated"]},
                        "data": {"type": ["object", "array"]},
                        "producer": {"type": "string", "examples": ["stores/abc123"]},
                        "hash": {"type": "string"},
                    },
                }
            }
        },
    },
    "responses": {
        "200": {"description": "Stored, or about nothing of ours", "content": {"application/json": {}}},
        **{str(status): {"description": why, "content": {MEDIA_TYPE: {}}} for status, why in _REFUSALS.items()},
    },
}


class Receiver:
    """Takes webhooks for the stores of a ledger. ``writer.run()`` must run beside it."""

    def __init__(self, stores: Stores, *, signatures: bool, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.secrets = SecretCache(stores, monotonic)
        self.writer = EventWriter(partial(store_events, stores.ledger))
        self.signatures = SignatureWatch() if signatures else None

    def router(self) -> APIRouter:
        """Returns the receiver's routes."""
        router = APIRouter(tags=["webhooks"])
        router.post(PATH, summary="An event of BigCommerce", openapi_extra=_DOCUMENTED)(self.receive)
        router.post(f"/api/v1{PATH}", include_in_schema=False)(self.receive)
        return router

    async def receive(self, request: Request) -> Response:
        """Stores an event that BigCommerce tells of. Events carry no state: what they name is looked at again."""
        store_hash = request.path_params["hash"]
        secrets = await self._check_sender(store_hash, request.headers.get(SECRET_HEADER, "").encode("latin-1"))
        body = await read_body(request)
        if self.signatures is not None and secrets.client_secret:
            self.signatures.look(store_hash, secrets.client_secret, body, request.headers)
        event = parse_event(body, store_hash)
        if event is not None and not await self.writer.write(event):
            raise _unknown_store()
        return Response(b"{}", media_type="application/json")

    async def _check_sender(self, store_hash: str, sent: bytes) -> StoreSecrets:
        """Returns the store's secrets, if the sender knows the one for webhooks. Raises ProblemError."""
        secrets = await self.secrets.get(store_hash) if is_hash(store_hash) else None
        if secrets is not None and not _fits(sent, secrets):
            secrets = await self.secrets.get_again(store_hash)  # it may just have been changed
        if secrets is None:
            raise _unknown_store()
        if not _fits(sent, secrets):
            raise ProblemError(401, f"{SECRET_HEADER} is missing or wrong", {"WWW-Authenticate": SECRET_HEADER})
        return secrets


def _fits(sent: bytes, secrets: StoreSecrets) -> bool:
    return bool(secrets.webhook_secret) and hmac.compare_digest(sent, secrets.webhook_secret or b"")


def _unknown_store() -> ProblemError:
    return ProblemError(404, "there is no such store")
