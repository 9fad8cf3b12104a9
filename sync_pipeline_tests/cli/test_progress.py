"""What a person at a terminal sees while a batch works."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

from sqlalchemy import Engine

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline_tests.commands import Commands
from sync_pipeline_tests.waiting import wait_for


def on_a_terminal(
    commands: Commands, *words: str, meanwhile: Callable[[subprocess.Popen[bytes]], None] = lambda _: None
) -> tuple[int, str]:
    """The exit status of a command whose stderr is a terminal, and what it showed there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sync_pipeline.cli", *words],
        cwd=commands.folder,
        env=commands.environment(TERM="xterm"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = bytearray()

    def read() -> None:
        try:
            while piece := os.read(ours, 65_536):
                shown.extend(piece)
        except OSError:
            pass  # how Linux says that nobody holds the other end any more

    reader = threading.Thread(target=read)
    reader.start()
    meanwhile(process)
    status = process.wait(120)
    reader.join(120)
    os.close(ours)
    return status, shown.decode()


def test_batch_shows_its_progress_on_a_terminal(commands: Commands, store: str):
    status, shown = on_a_terminal(commands, "sync", "run", "--store", store)
    assert status == 0, shown
    assert "batch 1" in shown and "Traceback" not in shown
    status, shown = on_a_terminal(commands, "verify", "--store", store)
    assert status == 0, shown
    assert "batch 2" in shown and "Traceback" not in shown


def test_batch_is_cancelled_by_ctrl_c_before_its_first_step(commands: Commands, store: str, clean_database: Engine):
    ledger = Ledger(clean_database)

    def interrupt(process: subprocess.Popen[bytes]) -> None:
        wait_for(lambda: ledger.list(limit=1), what="the batch")
        process.send_signal(signal.SIGINT)

    status, shown = on_a_terminal(commands, "sync", "run", "--store", store, meanwhile=interrupt)
    # An interpreter that was interrupted within `exec` of a text (a dataclass being made) ends itself by the signal,
    # whatever status it was given; to a shell both are 130.
    assert status in {130, -signal.SIGINT}, shown
    assert ("stopped" in shown, "Traceback" in shown) == (True, False), shown
    [batch] = ledger.list(limit=1)
    assert (batch.status, (batch.error or {}).get("kind")) == ("failed", "cancelled")
