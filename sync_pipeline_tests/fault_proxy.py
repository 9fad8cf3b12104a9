"""A server that stands between a client and an HTTP service and does harm to chosen requests.

What belongs here: passing requests on, and the ways in which that can go wrong. What does not: what a client should
make of it. Each connection has a thread of its own; everything that a rule does not concern passes unchanged.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

#: Headers that concern one connection, or that are written anew.
_HOP = {"connection", "content-length", "date", "host", "keep-alive", "server", "transfer-encoding"}


class Cut(Exception):  # noqa: N818 - what is done, not what went wrong
    """Raised by a harm: the connection is closed without an answer."""


@dataclass(frozen=True)
class Request:
    """What the client sent; ``path`` has the query with it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What goes back. ``sent``: how many bytes of the body go out before the connection is cut (None: all)."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent: int | None = None


Forward = Callable[[Request], Answer]
#: Answers a request, perhaps with the help of the service behind.
Harm = Callable[[Request, Forward], Answer]


@dataclass
class Rule:
    """Does ``harm`` to requests of ``method`` whose path matches the glob ``path`` and whose body has ``containing``.

    The first ``after`` of them pass, then ``count`` suffer (None: all until the rules are cleared); ``matched`` and
    ``applied`` count.
    """

    harm: Harm
    method: str = "*"
    path: str = "*"
    containing: bytes = b""
    after: int = 0
    count: int | None = 1
    matched: int = 0
    applied: int = 0

    def strikes(self, request: Request) -> bool:
        """Whether this request suffers; counts it."""
        if not fnmatchcase(request.method, self.method) or not fnmatchcase(request.path, self.path):
            return False
        if self.containing not in request.body or (self.count is not None and self.applied >= self.count):
            return False
        self.matched += 1
        if self.matched <= self.after:
            return False
        self.applied += 1
        return True


@dataclass
class FaultProxy:
    """The proxy before one service: its address, its rules, and the requests that came."""

    url: str
    rules: list[Rule] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def inject(self, harm: Harm, **rule: Any) -> Rule:
        """Adds a rule; of several that strike a request the first one acts. Options as those of ``Rule``."""
        added = Rule(harm, **rule)
        with self._lock:
            self.rules.append(added)
        return added

    def clear(self) -> None:
        """Forgets the rules and the requests so far."""
        with self._lock:
            self.rules.clear()
            self.requests.clear()

    def asked(self, method: str = "*", path: str = "*") -> list[Request]:
        """The requests so far that match."""
        with self._lock:
            return [one for one in self.requests if fnmatchcase(one.method, method) and fnmatchcase(one.path, path)]

    def answer(self, request: Request, forward: Forward) -> Answer:
        """What the client is to get."""
        with self._lock:
            self.requests.append(request)
            rule = next((rule for rule in self.rules if rule.strikes(request)), None)
        return forward(request) if rule is None else rule.harm(request, forward)


@contextmanager
def running_fault_proxy(target: str) -> Iterator[FaultProxy]:
    """A proxy before the service at ``target`` on a free port for the time of the context.

    Raises at its end what a harm raised and did not mean as a harm.
    """
    parts = urlsplit(target)
    failed: list[Exception] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each body waits 40 ms for its head's acknowledgement

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            try:
                answer = proxy.answer(Request(self.command, self.path, dict(self.headers), body), self.forward)
            except Cut:
                self.close_connection = True
                return
            except (OSError, http.client.HTTPException):  # what is behind the proxy failed by itself
                raise
            except Exception as error:
                failed.append(error)
                raise
            try:
                self.send(answer)
            except ConnectionError:  # the client did not wait for it
                self.close_connection = True

        def forward(self, request: Request) -> Answer:
            # A connection of its own for each: a kept one may be closed in the moment of its next use.
            with closing(http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=120)) as upstream:
                upstream.request(request.method, request.path, request.body or None, _end_to_end(request.headers))
                got = upstream.getresponse()
                return Answer(got.status, _end_to_end(dict(got.getheaders())), got.read())

        def send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body[: answer.sent])
            self.close_connection = self.close_connection or answer.sent is not None

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_PATCH = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = FaultProxy(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    if failed:
        raise failed[0]


def _end_to_end(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP}


def cut_before(request: Request, forward: Forward) -> Answer:
    """The request never arrives."""
    raise Cut


def cut_after(request: Request, forward: Forward) -> Answer:
    """The request is applied, and nobody is told."""
    forward(request)
    raise Cut


def truncated(request: Request, forward: Forward) -> Answer:
    """The request is applied, and half of its answer arrives."""
    answer = forward(request)
    return replace(answer, sent=len(answer.body) // 2)


def slow(seconds: float) -> Harm:
    """The request is applied, and its answer comes so many seconds later."""

    def harm(request: Request, forward: Forward) -> Answer:
        answer = forward(request)
        threading.Event().wait(seconds)
        return answer

    return harm


def refused(status: int, error_type: str = "some_exception", **headers: str) -> Harm:
    """The request never arrives; the answer is an error as Elasticsearch tells it."""

    def harm(request: Request, forward: Forward) -> Answer:
        error = {"type": error_type, "reason": f"made up with status {status}"}
        return json_answer(status, {"error": {**error, "root_cause": [error]}, "status": status}, headers)

    return harm


def before(act: Callable[[], object]) -> Harm:
    """Something else happens first; then the request passes."""

    def harm(request: Request, forward: Forward) -> Answer:
        act()
        return forward(request)

    return harm


def json_answer(status: int, body: Any, headers: Mapping[str, str] = {}) -> Answer:
    """An answer as Elasticsearch gives it."""
    told = {"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch", **headers}
    return Answer(status, told, json.dumps(body).encode())
