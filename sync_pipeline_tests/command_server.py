"""Commands in forks of one process that has imported everything: a process for each, without the second of its start.

`python -m sync_pipeline_tests.command_server SOCKET [TOY]` serves; `run_forked` asks. What a command imports by itself,
and when, is told by the tests that start it in a fresh interpreter (`architecture/`, `chaos/`).
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NoReturn

from sync_pipeline_tests.toy.made import register_toy

MODULE = "sync_pipeline.cli"
MAX_REQUEST = 1_000_000


def run_forked(
    words: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    stdin: str,
    timeout: float,
    toy: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs `sync-pipeline` with these words to its end, with the ``toy`` of a folder in its registry.

    Raises TimeoutExpired after it was killed.
    """
    with (
        tempfile.TemporaryFile("w+") as given,
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
        socket.socket(socket.AF_UNIX) as server,
    ):
        given.write(stdin)
        given.seek(0)
        server.connect(_server(toy))
        asked = json.dumps({"words": list(words), "folder": str(folder), "environment": dict(environment)}).encode()
        socket.send_fds(server, [len(asked).to_bytes(4, "big")], [given.fileno(), out.fileno(), err.fileno()])
        server.sendall(asked)
        answers = server.makefile("rb")
        process = int(answers.readline())
        server.settimeout(timeout)
        try:
            status = int(answers.readline())
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            raise subprocess.TimeoutExpired(list(words), timeout) from None
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(list(words), status, out.read(), err.read())


@cache
def _server(toy: Path | None) -> str:
    """Starts a server of this process of the suite; returns its address. It ends with its parent."""
    folder = tempfile.mkdtemp(prefix="commands-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    address = str(Path(folder) / "socket")
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME", "LANG") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", __spec__.name, address, *([] if toy is None else [str(toy)])],
        env=kept,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    _KEPT.append(process)
    return address


#: Whose ends of the pipes close with this process.
_KEPT: list[subprocess.Popen[bytes]] = []


def serve(address: str, toy: Path | None = None) -> None:
    """Forks for each request, until stdin ends."""
    if toy is not None:
        register_toy(toy)
    _import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for who looks after a command
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(16)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if not os.fork():
            os.setsid()
            sys.stdin.buffer.read()
            os.kill(os.getppid(), signal.SIGTERM)
            os._exit(0)
        while True:
            connection, _ = listener.accept()
            if not os.fork():
                listener.close()
                _look_after(connection)
            connection.close()


def _import_all() -> None:
    for name in (MODULE, "sync_pipeline.orchestration", "sync_pipeline.pipelines"):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    for name in ("sync_pipeline.definitions", "dagster_postgres", "elasticsearch"):
        importlib.import_module(name)
    gc.freeze()


def _look_after(connection: socket.socket) -> None:
    """Runs one command in a process of its own and tells its number and, at its end, its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, descriptors, _, _ = socket.recv_fds(connection, 4, 3)
    asked = b""
    while len(asked) < min(int.from_bytes(length, "big"), MAX_REQUEST):
        asked += connection.recv(65536)
    process = os.fork()
    if not process:
        connection.close()
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        _run(**json.loads(asked))
    connection.sendall(b"%d\n" % process)
    _, status = os.waitpid(process, 0)
    connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _run(words: list[str], folder: str, environment: dict[str, str]) -> NoReturn:
    """Becomes the command. Ends by leaving the interpreter, as every command does."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [MODULE, *words]
    runpy.run_module(MODULE, run_name="__main__", alter_sys=True)
    sys.exit(0)


if __name__ == "__main__":
    serve(sys.argv[1], *map(Path, sys.argv[2:]))
