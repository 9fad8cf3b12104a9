"""A server that answers what a test tells it to, so that faults come over a real connection."""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One answer. ``cut`` promises more bytes than it sends; ``hang`` sends nothing until the server stops."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    product: bool = True
    cut: bool = False
    hang: bool = False

    @property
    def raw(self) -> bytes:
        """The body as sent: bytes as they are, everything else as JSON."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Request:
    """What the client sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class StubServer:
    """Gives its answers in order, the last one again and again, and keeps the requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connections = 0
        self.requests: list[Request] = []
        self.answers: deque[Answer] = deque()
        self.stopping = threading.Event()
        self.came = threading.Condition()

    def answer(self, *answers: Answer) -> None:
        """Sets what is answered from now on."""
        self.answers = deque(answers)

    def wait_for_requests(self, count: int) -> None:
        """Returns when that many requests came."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.requests) >= count, timeout=10)

    def next(self, request: Request) -> Answer:
        """The answer to a request."""
        with self.came:
            self.requests.append(request)
            self.came.notify_all()
        return self.answers.popleft() if len(self.answers) > 1 else self.answers[0]


@contextmanager
def running_stub_server(tls: ssl.SSLContext | None = None) -> Iterator[StubServer]:
    """A stub server on a free port for the time of the context; ``tls`` makes it one of HTTPS."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each body waits 40 ms for its head's acknowledgement

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = stub.next(Request(self.command, self.path, headers, body))
            if answer.hang:
                stub.stopping.wait()
                self.close_connection = True
                return
            raw = answer.raw
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            if answer.product:
                self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Length", str(len(raw) + (100 if answer.cut else 0)))
            self.end_headers()
            self.wfile.write(raw)
            self.close_connection = answer.cut

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = handle_any  # noqa: N815

        def handle(self) -> None:
            stub.connections += 1
            with suppress(ssl.SSLError, ConnectionError):  # a client that does not trust hangs up
                super().handle()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        # Not in accept(): a handshake that fails would end the server.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    stub = StubServer(f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
