"""Services that fail, die, need each other or will not end: what the supervisor does, and what a command is told."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from sync_pipeline.errors import ServiceUnavailableError
from sync_pipeline.local.engines import Engines
from sync_pipeline.local.services import Ready, Service
from sync_pipeline_tests.local.small_services import answers, failing, listening, lives_of, living
from sync_pipeline_tests.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path


def test_a_fixed_port_that_is_taken_is_named(state_dir: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, Engines.open(state_dir, owner="test", idle=0) as engines:
        port = other.getsockname()[1]
        with pytest.raises(ServiceUnavailableError, match=f"port {port} on 127.0.0.1 is taken"):
            engines.run(listening("one", tmp_path / "lives", port=port))


def test_a_service_that_fails_reports_its_last_words_and_its_log_and_is_tried_again_when_asked(state_dir: Path) -> None:
    with Engines.open(state_dir, owner="test", idle=0) as engines:
        for words in ("no disk", "no memory"):
            with pytest.raises(ServiceUnavailableError, match=f"broken did not start: .*status 7: {words}") as caught:
                engines.run(failing("broken", says=words))
            assert str(state_dir / "logs" / "broken.log") in str(caught.value)
            assert caught.value.exit_status == 3
            assert "\n" not in str(caught.value)


def test_a_program_that_is_not_there_is_named(state_dir: Path) -> None:
    with (
        Engines.open(state_dir, owner="test", idle=0) as engines,
        pytest.raises(ServiceUnavailableError, match=r"ghost did not start: cannot be run: .*/no/such/program"),
    ):
        engines.run(Service(name="ghost", argv=("/no/such/program",)))


def test_a_service_that_dies_again_and_again_is_given_up(state_dir: Path, tmp_path: Path) -> None:
    with Engines.open(state_dir, owner="test", idle=0) as engines:
        engines.run(listening("one", tmp_path / "lives"))

        def given_up() -> bool:
            for process in living(tmp_path / "lives"):
                os.kill(process.pid, signal.SIGKILL)
            return engines.status()["one"].state == "failed"

        wait_for(given_up, what="given up")
        assert len(lives_of(tmp_path / "lives")) == 5
        with pytest.raises(ServiceUnavailableError, match="one did not start: was ended by SIGKILL"):
            engines.ensure()
        assert answers(engines.run(listening("one", tmp_path / "lives"))), "asked for again, it is tried again"


def test_what_a_service_needs_is_ready_before_it_and_stopped_after_it(state_dir: Path, tmp_path: Path) -> None:
    with Engines.open(state_dir, owner="test", idle=0) as engines:
        engines.run(listening("base", tmp_path / "base"))
        engines.run(listening("top", tmp_path / "top", needs=("base",)))
        assert engines.stop(["base"]) == []
        assert len(living(tmp_path / "base")) == 1, "top still needs it"
        engines.stop(["top"])
        wait_for(lambda: not engines.status(), what="base is no longer needed")
    lines = (state_dir / "logs" / "supervisor.log").read_text().splitlines()
    ends = [line.split()[1] for line in lines if line.split()[2] == "stopped"]
    assert ends == ["top", "base"]


def test_a_service_whose_need_failed_fails_with_its_reason(state_dir: Path, tmp_path: Path) -> None:
    with Engines.open(state_dir, owner="test", idle=0) as engines:
        with pytest.raises(ServiceUnavailableError):
            engines.run(failing("base", says="no disk"))
        with pytest.raises(ServiceUnavailableError, match=r"top did not start: needs base, which failed: .*no disk"):
            engines.run(listening("top", tmp_path / "top", needs=("base",)))
        with pytest.raises(ServiceUnavailableError, match="alone did not start: needs nothing-here"):
            engines.run(listening("alone", tmp_path / "alone", needs=("nothing-here",)))


def test_a_service_that_ignores_its_signal_is_killed_with_its_children(state_dir: Path, tmp_path: Path) -> None:
    parent = "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]])"
    stubborn = listening("one", tmp_path / "lives", stubborn=True)
    service = Service(
        name="one",
        argv=(sys.executable, "-IS", "-c", parent, *stubborn.argv[1:]),
        ready=Ready(kind="http"),
        stop_seconds=0.5,
    )
    with Engines.open(state_dir, owner="test", idle=0) as engines:
        engines.run(service)
        engines.run(listening("two", tmp_path / "two", stubborn=True))
        assert sorted(engines.stop()) == ["one", "two"]
    assert living(tmp_path / "lives") == []
    assert living(tmp_path / "two") == []
