"""Is a service ready: one quick look, without any client library."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

from sync_pipeline.local.ports import HOST

if TYPE_CHECKING:
    from sync_pipeline.local.services import Ready

_SECONDS = 1.0
_MAX_HEAD = 16384


def is_ready(ready: Ready, *, pid: int, port: int) -> bool:
    """Returns whether the service that runs as ``pid`` and listens on ``port`` may be used.

    Takes about a second at most.
    """
    match ready.kind:
        case "alive":
            return True
        case "postmaster":
            return _postmaster(Path(ready.path), pid)
        case "tcp":
            return _accepts(port)
        case "http":
            return _answers(port, ready.path, ready.header)


def _postmaster(path: Path, pid: int) -> bool:
    try:
        lines = path.read_text().split("\n")
    except OSError:
        return False
    # Line 1 is the pid, line 8 the status (PostgreSQL's miscadmin.h); the file of a killed server still says ready.
    return lines[0].strip() == str(pid) and len(lines) > 7 and lines[7].strip() == "ready"


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=_SECONDS).close()
    except OSError:
        return False
    return True


def _answers(port: int, path: str, header: str) -> bool:
    head = b""
    try:
        with socket.create_connection((HOST, port), timeout=_SECONDS) as connection:
            request = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode())
            while b"\r\n\r\n" not in head and len(head) < _MAX_HEAD:
                part = connection.recv(4096)
                if not part:
                    break
                head += part
    except OSError:
        return False
    status, *headers = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    names = {line.partition(":")[0].strip().lower() for line in headers}
    return status[:9] in {"HTTP/1.1 ", "HTTP/1.0 "} and status[9:10] == "2" and (not header or header.lower() in names)
