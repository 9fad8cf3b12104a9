"""Commands to be harmed, as processes that start at once: forked from one that has imported everything already.

A thousand kills would otherwise spend most of their time on a thousand imports of Dagster.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from sync_pipeline_tests.commands import Answer, Commands

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["sync_pipeline.cli.main", "sync_pipeline.definitions", "dagster_postgres", __name__])


def start(commands: Commands, *words: str, **more: str) -> ForkServerProcess:
    """Starts `sync-pipeline` with these words; what it says goes to the files `out` and `error` in the folder."""
    process = _CONTEXT.Process(target=_run, args=(words, commands.environment(**more), commands.folder), daemon=True)
    process.start()
    return process


def answer(process: ForkServerProcess, commands: Commands, seconds: float = 60.0) -> Answer:
    """What the command said, once it has ended; fails when it has not within ``seconds``."""
    process.join(seconds)
    assert process.exitcode is not None, f"the command still runs after {seconds:g} s"
    out, error = ((commands.folder / name).read_text() for name in ("out", "error"))
    return Answer(process.exitcode, out, error)


def _run(words: tuple[str, ...], environment: dict[str, str], folder: Path) -> None:
    from sync_pipeline.cli.main import main  # noqa: PLC0415 - in the process that needs it

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, name in ((1, "out"), (2, "error")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sys.argv = ["sync-pipeline", *words]
    main()
