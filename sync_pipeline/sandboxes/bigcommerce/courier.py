"""Carries one event to one hook: a POST on a kept connection, within a time-out, signed if the app has a secret."""

from __future__ import annotations

import base64
import contextlib
import http.client
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from sync_pipeline.sandboxes.bigcommerce.hooks import Hook


class Courier:
    """One sender with its connections, by destination's address. For one thread."""

    def __init__(self) -> None:
        self._connections: dict[tuple[str, str], http.client.HTTPConnection] = {}

    def deliver(self, hook: Hook, body: bytes, signature: dict[str, str], timeout: float) -> bool:
        """Returns whether the destination answered 2xx in time."""
        url = urlsplit(hook.destination)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        headers = {"Content-Type": "application/json", "User-Agent": "sandbox", **(hook.headers or {}), **signature}
        where = (url.scheme, url.netloc)
        # A kept connection may have been closed by the other side: that is no failure of the delivery.
        for kept in (True, False):
            connection = self._connections.pop(where, None)
            if connection is None:
                if kept:
                    continue
                kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
                connection = kind(url.netloc, timeout=timeout)
            try:
                connection.timeout = timeout
                if connection.sock is not None:
                    connection.sock.settimeout(timeout)
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                answer.read()
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                connection.close()
                if not kept:
                    return False
            except (OSError, http.client.HTTPException):
                connection.close()
                return False
            else:
                self._connections[where] = connection
                return 200 <= answer.status < 300
        return False

    def close(self) -> None:
        """Closes the connections."""
        for connection in self._connections.values():
            with contextlib.suppress(OSError):
                connection.close()


def signed(client_secret: str, message_id: str, now: float, body: bytes) -> dict[str, str]:
    """Returns the headers of the Standard Webhooks scheme, as BigCommerce makes them.

    The key is the client secret itself.
    """
    from standardwebhooks import Webhook  # noqa: PLC0415 only stores with a client secret pay for its import

    moment = datetime.fromtimestamp(int(now), UTC)
    key = base64.b64encode(client_secret.encode()).decode()
    signature = Webhook(key).sign(message_id, moment, body.decode())
    return {"webhook-id": message_id, "webhook-timestamp": str(int(now)), "webhook-signature": signature}
