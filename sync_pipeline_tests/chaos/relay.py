"""A relay before a TCP service: it counts what clients send, strikes at a chosen moment, and can be away.

What belongs here: bytes and connections, for services whose protocol is none of our business (PostgreSQL). What does
not: HTTP, which fault_proxy.py understands.
"""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx

from sync_pipeline_tests.waiting import wait_for

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Strike:
    """What is done at the ``at``-th message (1 is the first); ``passed``: after it went on, instead of it."""

    at: int
    act: Callable[[], object]
    passed: bool


@dataclass
class Relay:
    """The relay before the service at ``target``; ``messages`` counts what clients sent since ``expect``."""

    target: tuple[str, int]
    port: int = 0
    messages: int = 0
    struck: bool = False
    _strike: Strike | None = None
    _listener: socket.socket | None = None
    _open: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def expect(self, strike: Strike | None = None) -> None:
        """Counts from zero, and strikes once when the time has come; without a ``strike``, never."""
        with self._lock:
            self.messages, self.struck, self._strike = 0, False, strike

    def come_back(self) -> None:
        """Accepts connections (again), always at the same port."""
        wait_for(self._listen, what=f"port {self.port}: the last listener, or a connection that took it meanwhile")
        listener = self._listener
        assert listener is not None
        self.port = listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _listen(self) -> bool:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, self.port))
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise
            return False
        listener.listen(64)
        self._listener = listener
        return True

    def go_away(self) -> None:
        """Cuts every connection, and refuses new ones."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _shut(listener)
        with self._lock:
            for connection in self._open:
                _shut(connection)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                listener.close()
                return
            try:
                service = socket.create_connection(self.target, timeout=10)
            except OSError:
                client.close()
                continue
            for one in (client, service):
                one.settimeout(None)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= {client, service}
            if self._listener is not listener:  # gone away meanwhile
                _shut(client)
            threading.Thread(target=self._serve, args=(client, service), daemon=True).start()

    def _serve(self, client: socket.socket, service: socket.socket) -> None:
        answers = threading.Thread(target=self._pump, args=(service, client, _pass), daemon=True)
        answers.start()
        self._pump(client, service, self._send)
        answers.join()
        # Only now, when nobody reads them: the numbers of closed sockets are given to the next ones.
        with self._lock:
            self._open -= {client, service}
            client.close()
            service.close()

    def _pump(self, source: socket.socket, sink: socket.socket, send: Callable[[socket.socket, bytes], bool]) -> None:
        with suppress(OSError):
            while (data := source.recv(65_536)) and send(sink, data):
                pass
        for one in (source, sink):
            _shut(one)

    def _send(self, service: socket.socket, data: bytes) -> bool:
        """Hands a client's message on; False when its connection is to end instead."""
        with self._lock:
            self.messages += 1
            strike = self._strike
            strikes = strike is not None and not self.struck and self.messages >= strike.at
            self.struck = self.struck or strikes
        if strike is None or not strikes:
            return _pass(service, data)
        if strike.passed:
            _pass(service, data)
        strike.act()
        return False


def address_of(url: str) -> tuple[str, int]:
    """Where the service of a URL listens."""
    parts = httpx.URL(url)
    return parts.host, parts.port or 80


def _pass(sink: socket.socket, data: bytes) -> bool:
    sink.sendall(data)
    return True


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def running_relay(target: tuple[str, int]) -> Iterator[Relay]:
    """A relay before ``target`` on a free port for the time of the context."""
    relay = Relay(target)
    relay.come_back()
    try:
        yield relay
    finally:
        relay.go_away()
