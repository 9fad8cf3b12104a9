"""``down`` leaves nothing running, whoever started it and whatever was killed before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sync_pipeline.errors import UsageError
from sync_pipeline.local.down import stop_all
from sync_pipeline.local.engines import Engines, running
from sync_pipeline.local.exclusive import exclusive, holders
from sync_pipeline.local.processes import this_process
from sync_pipeline.local.state import StateDir, try_lock
from sync_pipeline_tests.local.small_services import listening, living
from sync_pipeline_tests.waiting import wait_for

ROOT = Path(__file__).parents[2]

_HOLD = """
import sys, time
from pathlib import Path
from sync_pipeline.local.exclusive import exclusive
with exclusive(Path(sys.argv[1]), "dev") as dev:
    dev.announce(address="http://127.0.0.1:3000")
    print("holds", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(state_dir: Path):
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(state_dir)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    assert child.stdout.readline() == "holds\n"
    yield child
    child.kill()
    child.communicate()


def test_where_nothing_was_ever_started_there_is_nothing_to_stop(state_dir: Path) -> None:
    assert stop_all(state_dir) == []
    assert not state_dir.exists()


def test_all_services_stop_although_they_are_in_use_and_a_second_time_there_are_none(
    state_dir: Path, tmp_path: Path
) -> None:
    with Engines.open(state_dir, owner="test", idle=900) as engines:
        engines.run(listening("one", tmp_path / "one"))
        engines.run(listening("two", tmp_path / "two"))
        assert sorted(stop_all(state_dir)) == ["one", "two"]
        assert living(tmp_path / "one") + living(tmp_path / "two") == []
        assert running(state_dir) is None
        assert stop_all(state_dir) == []
        engines.run(listening("one", tmp_path / "one"))
        assert len(living(tmp_path / "one")) == 1, "a command that still lives can start it again"


def test_what_a_killed_supervisor_left_is_stopped(state_dir: Path, tmp_path: Path) -> None:
    with Engines.open(state_dir, owner="test", idle=900) as engines:
        engines.run(listening("one", tmp_path / "lives"))
    status = running(state_dir)
    assert status
    os.kill(status.process.pid, signal.SIGKILL)
    wait_for(lambda: running(state_dir) is None, what="the supervisor is dead")
    assert stop_all(state_dir) == ["one"]
    assert living(tmp_path / "lives") == []


def test_a_supervisor_that_hangs_is_killed_and_its_services_are_ended(state_dir: Path, tmp_path: Path) -> None:
    with Engines.open(state_dir, owner="test", idle=900) as engines:
        engines.run(listening("one", tmp_path / "lives"))
    status = running(state_dir)
    assert status
    os.kill(status.process.pid, signal.SIGSTOP)
    assert stop_all(state_dir, timeout=0.2) == ["one"]
    assert living(tmp_path / "lives") == []


def test_a_process_that_only_has_the_number_of_a_service_is_left_alone(state_dir: Path) -> None:
    with Engines.open(state_dir, owner="test", idle=0):
        pass
    record = state_dir / "run" / "one.json"
    record.write_text(f'{{"pid": {os.getpid()}, "started": "an earlier boot:1", "signal": 9, "seconds": 1}}')
    assert stop_all(state_dir) == []
    assert not record.exists()


def test_a_command_that_runs_alone_is_ended_too(state_dir: Path, holder: subprocess.Popen[str]) -> None:
    assert stop_all(state_dir) == ["dev"]
    assert holder.wait(10) == -signal.SIGTERM


def test_a_second_dev_is_refused_with_the_first_ones_address_and_pid(
    state_dir: Path, holder: subprocess.Popen[str]
) -> None:
    with (
        pytest.raises(UsageError, match=rf"dev already runs in .*\(http://127.0.0.1:3000, pid {holder.pid}\)"),
        exclusive(state_dir, "dev"),
    ):
        pytest.fail("there are two")
    with exclusive(state_dir, "demo"):
        pass


def test_dev_is_not_refused_because_somebody_looks_who_runs(state_dir: Path) -> None:
    state = StateDir.at(state_dir)
    with exclusive(state_dir, "dev"):
        pass
    look = try_lock(state.commands / "dev.lock", shared=True)  # as holders() does for a moment
    assert look is not None
    threading.Timer(0.3, os.close, [look]).start()
    with exclusive(state_dir, "dev"):
        assert holders(state) == {"dev": this_process()}


def test_a_killed_dev_does_not_keep_the_next_one_out(state_dir: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait(10)
    with exclusive(state_dir, "dev") as dev:
        dev.announce(address="http://127.0.0.1:3001")
    with exclusive(state_dir, "dev"):
        pass
