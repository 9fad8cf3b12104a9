"""One request of the BigCommerce API from its arrival to its answer: faults, token, status, quota, scope, endpoint.

Everything about a store's state is asked of the store; everything about the wire is wire's business.
"""

from __future__ import annotations

import hmac
from email.utils import formatdate
from typing import TYPE_CHECKING

from sync_pipeline.sandboxes.bigcommerce.calls import Call
from sync_pipeline.sandboxes.bigcommerce.errors import ApiError, Dialect, refusal
from sync_pipeline.sandboxes.bigcommerce.query import Query
from sync_pipeline.sandboxes.bigcommerce.routes import find_endpoint
from sync_pipeline.sandboxes.bigcommerce.store import StoreStatus
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline.sandboxes.kit.wire import Reply

if TYPE_CHECKING:
    from starlette.requests import Request

    from sync_pipeline.sandboxes.bigcommerce.answers import Answer
    from sync_pipeline.sandboxes.bigcommerce.sandbox import Sandbox
    from sync_pipeline.sandboxes.bigcommerce.store import Store
    from sync_pipeline.sandboxes.kit.faults import Fault


async def serve(sandbox: Sandbox, request: Request) -> Reply:
    """Answers ``/stores/{hash}/…``."""
    path = f"/{request.path_params['path']}"
    store = sandbox.stores.get(request.path_params["store_hash"])
    endpoint, numbers = find_endpoint(request.method, path)
    dialect = endpoint.dialect if endpoint else Dialect.V2 if path.startswith("/v2/") else Dialect.CATALOG
    if store is None:
        return _reply(sandbox, refusal(ApiError(401), dialect), {}, as_xml=False)

    async def answered(fault: Fault | None) -> Reply:
        token = request.headers.get("x-auth-token", "")
        as_xml = dialect is Dialect.V2 and "application/json" not in request.headers.get("accept", "")
        try:
            _admit(store, fault, token=token)
            if endpoint is None:
                raise ApiError(404)
            if not store.may(endpoint.scope):
                raise ApiError(403, errors={})
            query, body = Query(request.url.query), await request.body()
            left = fault.items_left if fault is not None else None
            answer = endpoint.answer(Call(store, query, sandbox.clock.now(), numbers, left, body))
        except ApiError as error:
            answer = refusal(error, dialect)
        return _reply(sandbox, answer, _rate_headers(store, fault, answer.status), as_xml=as_xml)

    return await store.serve(path, endpoint.template if endpoint else path, answered)


def _admit(store: Store, fault: Fault | None, *, token: str) -> None:
    """Raises ApiError for a request that does not get as far as its endpoint."""
    if fault is not None and fault.status is not None:
        raise ApiError(fault.status)
    if store.status is StoreStatus.UNINSTALLED or not hmac.compare_digest(token.encode(), store.token.encode()):
        raise ApiError(401)
    if not store.limiter.take():
        raise ApiError(429)
    if store.status is StoreStatus.SUSPENDED:
        raise ApiError(503)


def _rate_headers(store: Store, fault: Fault | None, status: int) -> dict[str, str]:
    if status != 429:
        return store.limiter.headers()
    if store.bare_429 or (fault is not None and fault.kind is FaultKind.BARE_TOO_MANY_REQUESTS):
        return {}
    return store.limiter.refusal_headers(fault.seconds if fault is not None else 0.0)


def _reply(sandbox: Sandbox, answer: Answer, rate_headers: dict[str, str], *, as_xml: bool) -> Reply:
    headers = {"Date": formatdate(sandbox.clock.now(), usegmt=True), **rate_headers}
    if answer.data is not None:
        headers["Content-Type"] = "application/xml" if as_xml else answer.media_type
    return Reply(answer.status, answer.xml() if as_xml else answer.json(), headers)
