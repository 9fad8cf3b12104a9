"""A reply on the wire, whole or cut off, and the server protocol that can cut.

uvicorn offers no way to drop a connection from inside the application, so the protocol hands each request the means to
close its own transport as an ASGI extension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import MutableMapping

    from starlette.types import Receive, Scope, Send

CUT_EXTENSION = "sync_pipeline.cut"


@dataclass(slots=True)
class Reply:
    """An ASGI response. ``bytes_before_cut``: None sends all, -1 not even a status line, n as much of the body."""

    status: int
    body: bytes
    headers: dict[str, str]
    bytes_before_cut: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the reply."""
        cut = self.bytes_before_cut
        if cut is None or cut >= 0:
            headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
            if self.status != 204:
                headers.append((b"content-length", str(len(self.body)).encode()))
            await send({"type": "http.response.start", "status": self.status, "headers": headers})
            await send({"type": "http.response.body", "body": self.body[:cut], "more_body": cut is not None})
        if cut is not None:
            scope["extensions"][CUT_EXTENSION]()


def json_reply(status: int, data: Any, headers: dict[str, str] | None = None) -> Reply:
    """Return a reply with ``data`` as JSON."""
    return Reply(status, msgspec.json.encode(data), {"Content-Type": "application/json", **(headers or {})})


class CuttableProtocol(AutoHTTPProtocol):
    """uvicorn's HTTP protocol, whose requests can close their own connection."""

    app: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Gives every request on this connection the means to close it."""
        super().connection_made(transport)
        app = self.app

        async def with_means(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
            scope["extensions"] = {**scope.get("extensions", {}), CUT_EXTENSION: transport.close}
            await app(scope, receive, send)

        self.app = with_means
