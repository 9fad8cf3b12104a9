"""The server around the application: uvicorn on a socket of ours, without an access log."""

from __future__ import annotations

import gc
import signal
import socket
import sys
from typing import TYPE_CHECKING

import uvicorn

from sync_pipeline.errors import UsageError

if TYPE_CHECKING:
    from fastapi import FastAPI

BACKLOG = 2048
#: For how long requests under way may go on after the end was asked for.
GRACE_SECONDS = 15


def listen(host: str, port: int) -> socket.socket:
    """Returns a listening socket (port 0: a free one).

    Raises UsageError for an unknown host or a port that is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}: {error.strerror}") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return listener


def address_of(listener: socket.socket) -> str:
    """Returns the URL of a listening socket, without a slash at the end."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def build_server(app: FastAPI) -> uvicorn.Server:
    """Returns a server to be run with ``sockets=[listen(…)]``."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Serves until Ctrl-C or TERM, and ends this process with status 0 then, after the requests under way."""
    # uvicorn hands a signal on when it is done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    # What is loaded by now stays: looking through it for garbage would hold every request up for 0.1 s now and then.
    gc.collect()
    gc.freeze()
    build_server(app).run(sockets=[listener])
