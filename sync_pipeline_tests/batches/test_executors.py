"""Processes that execute batches, told from those that are dead, frozen or elsewhere: real processes."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from sync_pipeline.batches.executors import Executor
from sync_pipeline.local.processes import ProcessId, start_time
from sync_pipeline_tests.waiting import wait_for


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_executor_is_the_same_read_from_its_text(sleeper: subprocess.Popen[bytes]):
    executor = replace(Executor.this(), process=ProcessId(sleeper.pid, start_time(sleeper.pid) or ""))
    assert Executor.parse(str(executor)) == executor
    assert executor.lives_here()
    assert not replace(executor, host="another-machine").lives_here()
    assert not replace(executor, process=replace(executor.process, started="before")).lives_here()
    assert not Executor.this().lives_here(), "nobody ends himself"


@pytest.mark.parametrize("text", [None, "", "here 12", "here twelve now", "a b c d"])
def test_text_that_names_no_process_is_none(text: str | None):
    assert Executor.parse(text) is None


def test_frozen_process_is_told_and_ended(sleeper: subprocess.Popen[bytes]):
    executor = replace(Executor.this(), process=ProcessId(sleeper.pid, start_time(sleeper.pid) or ""))
    assert not executor.is_frozen()
    os.kill(sleeper.pid, signal.SIGSTOP)
    wait_for(lambda: psutil.Process(sleeper.pid).status() == psutil.STATUS_STOPPED, what="the freeze")
    assert executor.is_frozen()
    assert executor.kill()
    assert not executor.lives_here()
    assert executor.kill(), "it is gone already"
