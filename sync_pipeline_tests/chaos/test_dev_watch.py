"""What `dev` says about a service that dies: that it comes back, and, when it dies too often, once that it does not."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from sync_pipeline.cli import local
from sync_pipeline.cli.environment import Environment
from sync_pipeline.settings import Settings
from sync_pipeline_tests.local.small_services import listening, lives_of, living
from sync_pipeline_tests.waiting import wait_for

pytestmark = pytest.mark.chaos


class CountedEvent(threading.Event):
    """Counts how often it was waited for."""

    looks = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.looks += 1
        return super().wait(timeout)


def test_a_service_that_is_killed_comes_back_until_it_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(local, "POLL_SECONDS", 0.02)
    lives = tmp_path / "lives"
    here = Environment(Settings.model_validate({"sync_pipeline_state_dir": tmp_path / "state"}), "dev", 0.0)
    engines = here.engines
    engines.run(listening("small", lives))
    stop = CountedEvent()
    watching = threading.Thread(target=local._watch, args=(here, local.Stop(asked=stop)))
    watching.start()

    def is_given_up() -> bool:
        for process in living(lives):
            os.kill(process.pid, signal.SIGKILL)
        return engines.status()["small"].state == "failed"

    try:
        wait_for(is_given_up, what="the end of all patience")
        looks = stop.looks
        wait_for(lambda: stop.looks > looks + 5, what="more looks at it")
    finally:
        stop.set()
        watching.join()
        engines.stop()
        here.close()
    said = capsys.readouterr().err.splitlines()
    assert len(lives_of(lives)) == 5
    assert [line for line in said if "did not start" in line] == [
        f"small did not start: was ended by SIGKILL (log: {tmp_path / 'state' / 'logs' / 'small.log'})"
    ]
