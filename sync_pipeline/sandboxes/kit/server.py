"""The server around an application: uvicorn on a loopback socket, silent, with connections that can be cut."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

import uvicorn

from sync_pipeline.errors import UsageError
from sync_pipeline.sandboxes.kit.wire import CuttableProtocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp

BACKLOG = 256
GRACE_SECONDS = 2


def listen(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Returns a listening socket on a loopback address (port 0: a free one). Clients can connect before the server
    runs.

    Raises UsageError for other addresses, because the control API has no token, and for a port that is taken.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        if not ipaddress.ip_address(address).is_loopback:
            raise UsageError(f"the sandbox listens on loopback addresses only, not on {host}")
    except ValueError:
        raise UsageError(f"{host} is no loopback address") from None
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    listener.listen(BACKLOG)
    return listener


def address_of(listener: socket.socket) -> str:
    """Returns the URL of a listening socket, without a slash at the end."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def build_server(app: ASGIApp) -> uvicorn.Server:
    """Returns a server to be run with ``sockets=[listen(…)]``. It says nothing, and adds no Date header."""
    config = uvicorn.Config(
        app,
        http=CuttableProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)
