"""Engines.open as commands use it: one supervisor whatever happens, services that come back, nothing left behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipeline.errors import ServiceUnavailableError
from sync_pipeline.local.down import stop_all
from sync_pipeline.local.engines import Engines, running
from sync_pipeline.local.table import ENGINES, Engine
from sync_pipeline_tests.local.small_services import answers, listening, lives_of, living
from sync_pipeline_tests.waiting import wait_for

ROOT = Path(__file__).parents[2]

_OPEN = """
import sys
from pathlib import Path
from sync_pipeline.local.engines import Engines, running
from sync_pipeline_tests.local.small_services import listening
state, lives, idle = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
print("loaded", flush=True)
sys.stdin.readline()
with Engines.open(state, owner="child", idle=idle) as engines:
    port = engines.run(listening("one", lives))
    print(running(state).process.pid, engines.status()["one"].pid, port, flush=True)
    sys.stdin.readline()
"""


def _child(state: Path, lives: Path, *, idle: float = 0) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", _OPEN, str(state), str(lives), str(idle)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    assert child.stdout.readline() == "loaded\n"
    return child


def _go(child: subprocess.Popen[str]) -> None:
    assert child.stdin
    child.stdin.write("\n")
    child.stdin.flush()


def _line(child: subprocess.Popen[str]) -> str:
    assert child.stdout
    return child.stdout.readline()


def _kill_supervisor(state: Path) -> None:
    status = running(state)
    assert status
    os.kill(status.process.pid, signal.SIGKILL)
    wait_for(lambda: running(state) is None, what="the supervisor is dead")


def test_commands_that_start_at_the_same_moment_share_one_supervisor_and_one_service(
    state_dir: Path, tmp_path: Path
) -> None:
    children = [_child(state_dir, tmp_path / "lives") for _ in range(5)]
    for child in children:
        _go(child)
    lines = {_line(child) for child in children}
    assert len(lines) == 1
    assert len(lives_of(tmp_path / "lives")) == 1
    for child in children:
        child.communicate("\n", timeout=20)
    wait_for(lambda: running(state_dir) is None, what="the last one to leave ends all")
    assert living(tmp_path / "lives") == []


def test_a_service_is_reused_within_its_idle_limit(state_dir: Path, tmp_path: Path) -> None:
    lives = tmp_path / "lives"
    for owner in ("first", "second"):
        with Engines.open(state_dir, owner=owner, idle=900) as engines:
            engines.run(listening("one", lives))
    assert len(lives_of(lives)) == 1


def test_a_service_ends_at_its_idle_limit_and_not_before(state_dir: Path, tmp_path: Path) -> None:
    lives = tmp_path / "lives"
    with Engines.open(state_dir, owner="test", idle=0.5) as engines:
        engines.run(listening("one", lives))
        let_go = time.monotonic()
    wait_for(lambda: running(state_dir) is None, what="the idle limit ends all")
    assert time.monotonic() - let_go >= 0.5
    assert living(lives) == []


def test_an_engine_is_a_row_of_the_table(state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "small", Engine("small", lambda state: listening("small", tmp_path / "lives")))
    with Engines.open(state_dir, owner="test", idle=0) as engines:
        url = engines.url("small")
        port = engines.status()["small"].port or 0
        assert url == f"http://127.0.0.1:{port}"
        assert engines.url("small", "v1") == f"{url}/v1"
        assert answers(port)


def test_the_services_of_a_killed_command_are_stopped_although_others_stay(state_dir: Path, tmp_path: Path) -> None:
    with Engines.open(state_dir, owner="stays", idle=0) as engines:
        engines.run(listening("mine", tmp_path / "mine"))
        child = _child(state_dir, tmp_path / "its")
        _go(child)
        _line(child)
        assert set(engines.status()) == {"mine", "one"}
        child.kill()
        child.communicate()
        wait_for(lambda: set(engines.status()) == {"mine"}, what="the killed command's service is stopped")
        assert living(tmp_path / "its") == []
        assert len(living(tmp_path / "mine")) == 1


def test_a_killed_service_comes_back_on_its_port(state_dir: Path, tmp_path: Path) -> None:
    with Engines.open(state_dir, owner="test", idle=0) as engines:
        port = engines.run(listening("one", tmp_path / "lives"))
        os.kill(lives_of(tmp_path / "lives")[0], signal.SIGKILL)
        wait_for(lambda: len(lives_of(tmp_path / "lives")) == 2, what="a second life")
        assert engines.run(listening("one", tmp_path / "lives")) == port
        assert answers(port)


def test_a_killed_supervisor_is_replaced_and_its_orphans_are_ended(state_dir: Path, tmp_path: Path) -> None:
    lives = tmp_path / "lives"
    with Engines.open(state_dir, owner="test", idle=0) as engines:
        port = engines.run(listening("one", lives))
        [orphan] = living(lives)
        _kill_supervisor(state_dir)
        assert orphan.alive()
        engines.ensure()
        assert not orphan.alive()
        assert len(living(lives)) == 1
        assert engines.run(listening("one", lives)) == port
        assert answers(port)


def test_supervisor_that_is_slow_to_start_is_waited_for(
    state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = tmp_path / "lives"
    with Engines.open(state_dir, owner="test", idle=0) as engines:
        engines.run(listening("one", lives, stubborn=True))
        _kill_supervisor(state_dir)
        monkeypatch.setattr("sync_pipeline.local.engines._SUPERVISOR_STARTS", 1)
        engines.ensure()  # the new one first ends the stubborn orphan
        assert len(living(lives)) == 1


def test_supervisor_that_ends_at_each_start_is_reported_with_its_words(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = (sys.executable, "-IS", "-c", "raise SystemExit('Error: no luck')")
    monkeypatch.setattr("sync_pipeline.local.embedded.module", lambda *_: failing)
    with (
        Engines.open(state_dir, owner="test", idle=0) as engines,
        pytest.raises(ServiceUnavailableError, match=r"does not stay up: Error: no luck \(log: .*supervisor.log\)"),
    ):
        engines.run(listening("one", state_dir / "lives"))


def test_service_is_not_ready_while_another_program_has_its_port(state_dir: Path, tmp_path: Path) -> None:
    lives, gate = tmp_path / "lives", tmp_path / "gate"
    with Engines.open(state_dir, owner="test", idle=0) as engines, ThreadPoolExecutor() as threads:
        waiting = threads.submit(engines.run, listening("one", lives, gate=gate))
        taken = wait_for(lambda: "one" in engines.status() and engines.status()["one"].port, what="it has a port") or 0
        with socket.create_server(("127.0.0.1", taken)) as other:
            for _ in range(2):  # the second look comes after the first one was judged
                _answer(other)
            assert not waiting.done()
            gate.touch()
            port = waiting.result(60)
        assert port != taken
        assert answers(port)


def _answer(server: socket.socket) -> None:
    server.settimeout(60)
    connection, _ = server.accept()
    with connection:
        connection.recv(1024)
        connection.sendall(b"HTTP/1.0 200 OK\r\nX-Small: yes\r\n\r\n")


def test_after_everything_was_killed_the_next_open_works(state_dir: Path, tmp_path: Path) -> None:
    child = _child(state_dir, tmp_path / "lives", idle=900)
    _go(child)
    supervisor, service, port = map(int, _line(child).split())
    for pid in (supervisor, service, child.pid):
        os.kill(pid, signal.SIGKILL)
    child.communicate()
    # A killed process runs on until a busy machine gets round to ending it.
    wait_for(lambda: running(state_dir) is None and not living(tmp_path / "lives"), what="all are dead")
    with Engines.open(state_dir, owner="next", idle=0) as engines:
        assert engines.run(listening("one", tmp_path / "lives")) == port
        assert set(engines.status()) == {"one"}
        assert not list((state_dir / "leases").glob(f"{child.pid}-*"))


def test_a_new_port_is_chosen_when_the_last_one_is_taken_and_kept_then(state_dir: Path, tmp_path: Path) -> None:
    service = listening("one", tmp_path / "lives")
    with Engines.open(state_dir, owner="test", idle=0) as engines:
        first = engines.run(service)
        assert engines.stop() == ["one"]
        with socket.create_server(("127.0.0.1", first)):
            second = engines.run(service)
            assert second != first
            engines.stop()
        assert engines.run(service) == second


def test_state_directories_do_not_know_each_other(state_dir: Path, tmp_path: Path) -> None:
    other_dir = tmp_path / "other"
    with (
        Engines.open(state_dir, owner="a", idle=0) as one,
        Engines.open(other_dir, owner="b", idle=0) as other,
    ):
        ports = {one.run(listening("one", tmp_path / "1")), other.run(listening("one", tmp_path / "2"))}
        assert len(ports) == 2
        assert stop_all(other_dir) == ["one"]
        assert living(tmp_path / "2") == []
        assert len(living(tmp_path / "1")) == 1


def test_a_removed_state_directory_ends_its_supervisor_and_services(state_dir: Path, tmp_path: Path) -> None:
    with Engines.open(state_dir, owner="test", idle=900) as engines:
        engines.run(listening("one", tmp_path / "lives"))
        shutil.rmtree(state_dir)
        wait_for(lambda: not living(tmp_path / "lives"), what="the service is stopped")
    with Engines.open(state_dir, owner="test", idle=0) as engines:
        assert answers(engines.run(listening("one", tmp_path / "lives")))


@pytest.mark.invariant("7.9", "7.10")
def test_nothing_in_the_state_directory_is_open_to_others(state_dir: Path, tmp_path: Path) -> None:
    with Engines.open(state_dir, owner="test", idle=0) as engines:
        engines.run(listening("one", tmp_path / "lives"))
        open_to_others = [path for path in (state_dir, *state_dir.rglob("*")) if path.stat().st_mode & 0o077]
    assert open_to_others == []


def test_progress_is_one_line_for_a_start_that_is_waited_for_and_none_for_a_reuse(
    state_dir: Path, tmp_path: Path
) -> None:
    lines: list[str] = []
    with Engines.open(state_dir, owner="test", idle=0, progress=lines.append) as engines:
        engines.run(listening("one", tmp_path / "lives"))
        engines.run(listening("one", tmp_path / "lives"))
    assert lines == [f"starting one in {state_dir}"]


ACTIONS = st.lists(
    st.sampled_from(["kill service", "kill supervisor", "stop", "another comes and goes", "down"]), max_size=5
)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS)
def test_after_any_mix_of_kills_exactly_one_serviceanswers(state_dir: Path, tmp_path: Path, actions: list[str]) -> None:
    lives = tmp_path / "lives"
    service = listening("one", lives)
    with Engines.open(state_dir, owner="test", idle=0) as engines:
        for action in actions:
            engines.run(service)
            match action:
                case "kill service":
                    os.kill(lives_of(lives)[-1], signal.SIGKILL)
                case "kill supervisor":
                    _kill_supervisor(state_dir)
                case "stop":
                    engines.stop()
                case "down":
                    stop_all(state_dir)
                case _:
                    with Engines.open(state_dir, owner="guest", idle=0) as guest:
                        guest.run(service)

        def settled() -> bool:
            port = engines.run(service)
            [*alive] = living(lives)
            return len(alive) == 1 and answers(port)

        wait_for(settled, what="one service answers")
    wait_for(lambda: running(state_dir) is None, what="all is stopped")
    assert living(lives) == []
