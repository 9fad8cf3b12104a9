"""Commands to be harmed, as processes that start at once: forked from one that has imported everything already.

A thousand kills would otherwise spend most of their time on a thousand imports of Dagster.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from sync_pipeline_tests.commands import Answer, Commands
from sync_pipeline_tests.waiting import wait_for

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["sync_pipeline.cli.main", "sync_pipeline.definitions", "dagster_postgres", __name__])


def start(commands: Commands, *words: str, **more: str) -> ForkServerProcess:
    """Starts `sync-pipeline` with these words; what it says goes to the files `out` and `error` in the folder."""
    process = _CONTEXT.Process(target=_run, args=(words, commands.environment(**more), commands.folder), daemon=True)
    process.start()
    return process


def answer(process: ForkServerProcess, commands: Commands, seconds: float = 180.0) -> Answer:
    """What the command said, once it has ended; fails when it has not within ``seconds``."""
    process.join(seconds)
    if process.exitcode is None:
        stacks = commands.folder / "stacks"
        os.kill(process.pid or 0, signal.SIGUSR1)
        wait_for(lambda: stacks.read_text().endswith("\n"), what="the stacks of a command that does not end")
        raise AssertionError(f"the command still runs after {seconds:g} s:\n{stacks.read_text()}")
    out, error = ((commands.folder / name).read_text() for name in ("out", "error"))
    return Answer(process.exitcode, out, error)


def _run(words: tuple[str, ...], environment: dict[str, str], folder: Path) -> None:
    from sync_pipeline.cli.main import main  # noqa: PLC0415 - in the process that needs it

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, name in ((1, "out"), (2, "error")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    faulthandler.register(signal.SIGUSR1, Path("stacks").open("w"))  # noqa: SIM115 - open as long as the process
    sys.argv = ["sync-pipeline", *words]
    main()
