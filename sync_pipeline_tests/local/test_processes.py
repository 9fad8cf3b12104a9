"""Processes, ports and readiness, each on its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sync_pipeline.local import ports
from sync_pipeline.local.processes import Ending, ProcessId, end_all, start_time, this_process, titled
from sync_pipeline.local.readiness import is_ready
from sync_pipeline.local.services import Ready
from sync_pipeline.local.state import StateDir
from sync_pipeline_tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


def _identity(process: subprocess.Popen[bytes]) -> ProcessId:
    return ProcessId(process.pid, wait_for(lambda: start_time(process.pid), what="it runs") or "")


def test_a_process_is_itself_and_no_other_of_the_same_number() -> None:
    assert this_process().alive()
    assert not ProcessId(os.getpid(), "another start").alive()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux counts start times from the boot")
def test_start_time_is_the_kernels_count_and_not_a_date_that_can_be_set() -> None:
    counted = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert start_time(os.getpid()) == f"{boot}:{counted}"


def test_a_process_that_ended_but_was_not_waited_for_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-IS", "-c", "input()"], stdin=subprocess.PIPE)
    identity = _identity(child)
    assert identity.alive()
    child.kill()
    wait_for(lambda: not identity.alive(), what="dead as a zombie")
    assert child.wait() == -signal.SIGKILL


def test_a_process_is_found_by_its_title() -> None:
    words = f"a title of its own {os.getpid()}"
    assert titled(words) == []
    # Beyond what ps shows where it takes its output for a narrow terminal.
    argv = [sys.executable, "-IS", "-c", "input()", "x" * 500, words]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE)
    identity = _identity(child)
    wait_for(lambda: titled(words) == [identity], what="found")
    child.communicate()
    assert titled(words) == []


def test_ends_are_asked_for_first_and_enforced_at_their_bound() -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); input()"
    polite, stubborn = (
        subprocess.Popen(
            [sys.executable, "-IS", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        for code in ("print(flush=True); input()", deaf)
    )
    for child in (polite, stubborn):
        assert child.stdout
        child.stdout.readline()
    both = [_identity(polite), _identity(stubborn)]
    gone = ProcessId(polite.pid, "another start")
    assert end_all([Ending(process, signal.SIGTERM, 0.3) for process in [*both, gone]]) == both
    assert (polite.wait(), stubborn.wait()) == (-signal.SIGTERM, -signal.SIGKILL)


def test_a_port_is_kept_and_no_two_services_get_the_same(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    first = {name: ports.port_of(state, name) for name in ("a", "b", "c")}
    assert len(set(first.values())) == 3
    assert {name: ports.port_of(state, name) for name in first} == first


@pytest.fixture
def answering() -> Iterator[tuple[socket.socket, list[bytes]]]:
    """A server that answers each connection with the next of the given answers."""
    answers: list[bytes] = []
    server = socket.create_server((ports.HOST, 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connection.recv(4096)
            connection.sendall(answers.pop(0) if answers else b"")
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server, answers
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Elastic-Product: Elasticsearch\r\n\r\n{}", True),
        (b"HTTP/1.1 200 OK\r\nx-elastic-product: Elasticsearch\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", False),
        (b"HTTP/1.1 503 Service Unavailable\r\nX-Elastic-Product: Elasticsearch\r\n\r\n", False),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False),
        (b"", False),
    ],
)
def test_http_readiness_wants_success_and_the_products_own_header(
    answering: tuple[socket.socket, list[bytes]], answer: bytes, expected: bool
) -> None:
    server, answers = answering
    answers.append(answer)
    assert is_ready(Ready(kind="http", header="X-Elastic-Product"), pid=0, port=server.getsockname()[1]) is expected


def test_tcp_readiness_is_an_accepted_connection(answering: tuple[socket.socket, list[bytes]], tmp_path: Path) -> None:
    assert is_ready(Ready(kind="tcp"), pid=0, port=answering[0].getsockname()[1])
    assert not is_ready(Ready(kind="tcp"), pid=0, port=ports.port_of(StateDir(tmp_path), "nobody"))


@pytest.mark.parametrize(
    ("pid", "status", "expected"), [(12, "ready   ", True), (12, "starting", False), (13, "ready   ", False)]
)
def test_postgres_is_ready_when_its_own_file_says_so_of_this_process(
    tmp_path: Path, pid: int, status: str, expected: bool
) -> None:
    file = tmp_path / "postmaster.pid"
    file.write_text(f"{pid}\n/data\n1795339810\n5432\n\n127.0.0.1\n  1 2\n{status}\n")
    assert is_ready(Ready(kind="postmaster", path=str(file)), pid=12, port=5432) is expected


def test_postgres_is_not_ready_without_its_file_or_with_half_of_it(tmp_path: Path) -> None:
    file = tmp_path / "postmaster.pid"
    ready = Ready(kind="postmaster", path=str(file))
    assert not is_ready(ready, pid=12, port=5432)
    file.write_text("12\n/data\n")
    assert not is_ready(ready, pid=12, port=5432)
