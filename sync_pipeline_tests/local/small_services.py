"""Little programs to supervise, quick to start, which write down each of their lives."""

from __future__ import annotations

import signal
import sys
import urllib.request
from typing import TYPE_CHECKING

from sync_pipeline.local.processes import ProcessId, start_time
from sync_pipeline.local.services import Ready, Service

if TYPE_CHECKING:
    from pathlib import Path

_LISTEN = """
import os, signal, socket, sys, time
port, lives, stubborn, gate = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
while gate and not os.path.exists(gate):
    time.sleep(0.01)
if stubborn == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(lives, "a") as file:
    file.write(f"{os.getpid()}\\n")
server = socket.create_server(("127.0.0.1", port))
while True:
    connection, _ = server.accept()
    connection.recv(1024)
    connection.sendall(b"HTTP/1.0 200 OK\\r\\nX-Small: yes\\r\\n\\r\\n")
    connection.close()
"""


def listening(
    name: str,
    lives: Path,
    *,
    port: int = 0,
    needs: tuple[str, ...] = (),
    stubborn: bool = False,
    gate: Path | None = None,
) -> Service:
    """A server that answers every request, and appends its pid to the file ``lives`` when it starts.

    It does so as soon as there is a file ``gate``; ``stubborn`` ignores its stop signal.
    """
    mode = "stubborn" if stubborn else "polite"
    return Service(
        name=name,
        argv=(sys.executable, "-IS", "-c", _LISTEN, "{port}", str(lives), mode, str(gate or "")),
        ready=Ready(kind="http", header="x-small"),
        port=port,
        needs=needs,
        stop_seconds=0.5 if stubborn else 10.0,
        start_seconds=10.0,
        stop_signal=signal.SIGTERM,
    )


def failing(name: str, *, says: str) -> Service:
    """A program that says something and ends."""
    return Service(name=name, argv=(sys.executable, "-IS", "-c", f"import sys; print({says!r}); sys.exit(7)"))


def lives_of(file: Path) -> list[int]:
    """The pids of all lives so far."""
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def living(file: Path) -> list[ProcessId]:
    """Those that run now."""
    found = [(pid, start_time(pid)) for pid in lives_of(file)]
    return [ProcessId(pid, started) for pid, started in found if started]


def answers(port: int) -> bool:
    """Whether one of these servers answers there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
