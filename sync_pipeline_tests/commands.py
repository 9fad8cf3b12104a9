"""Runs `sync-pipeline` as a process of its own, as a person or cron does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sync_pipeline_tests.command_server import MODULE, run_forked


@dataclass(frozen=True)
class Answer:
    """What a command said and how it ended."""

    status: int
    out: str
    error: str

    def json(self) -> Any:
        return json.loads(self.out)

    def failed_in_one_line(self, status: int) -> str:
        """The one line on stderr of a command that ended with ``status``; fails on anything else."""
        assert self.status == status, self
        lines = self.error.strip().splitlines()
        assert len(lines) == 1, self.error
        assert lines[0].startswith("error: "), self.error
        return lines[0]


@dataclass(frozen=True)
class Commands:
    """The command line in a folder of its own, with the given variables and nothing else of this environment."""

    folder: Path
    variables: dict[str, str]
    #: Whether they are forks of a process that has imported everything (`command_server`).
    forked: bool = False
    #: The folder of a toy pipeline that forked ones have in their registry.
    toy: Path | None = None

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "SYNC_PIPELINE_STATE_DIR": str(self.folder / "state"), **self.variables, **more}

    def __call__(self, *words: str, stdin: str = "", timeout: float = 120, **more: str) -> Answer:
        """Runs a command to its end."""
        environment = self.environment(**more)
        if self.forked:
            done = run_forked(
                words, folder=self.folder, environment=environment, stdin=stdin, timeout=timeout, toy=self.toy
            )
            return Answer(done.returncode, done.stdout, done.stderr)
        done = subprocess.run(
            [sys.executable, "-m", MODULE, *words],
            cwd=self.folder,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        """Starts a command and does not wait for it."""
        return subprocess.Popen(
            [sys.executable, "-m", MODULE, *words],
            cwd=self.folder,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
