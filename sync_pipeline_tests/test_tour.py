"""README's tour, word by word, in both orders: after `make demo` in the folder, and without it.

It takes two minutes; `.ci/run` sets `README_TOUR` for it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sync_pipeline_tests.waiting import wait_for

pytestmark = [
    pytest.mark.skipif(not os.environ.get("README_TOUR"), reason="no README_TOUR"),
    pytest.mark.timeout(600),
]

COMMAND = ".venv/bin/sync-pipeline"


def tour(project: Path) -> str:
    """The commands that README has typed in the other terminal."""
    part = (project / "README.md").read_text().partition("\n## A tour\n")[2].partition("\n## ")[0]
    [commands] = [block for block in re.findall(r"```sh\n(.*?)```", part, re.DOTALL) if "eval" in block]
    return commands


@pytest.fixture
def folder(tmp_path: Path, project: Path) -> Path:
    """A folder as after `make setup`."""
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    return tmp_path


def environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME", "LANG") if name in os.environ}


def run(folder: Path, script: str) -> str:
    """What a shell said that stops at the first command that fails."""
    done = subprocess.run(
        ["bash", "-e", "-O", "expand_aliases", "-c", f"exec 2>&1; source /dev/stdin <<'TOUR'\n{script}\nTOUR"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


@contextmanager
def dev(folder: Path) -> Iterator[None]:
    """`make dev`, stopped by Ctrl-C at the end, without a traceback anywhere."""
    out = folder / "dev.out"
    with out.open("w") as written:
        process = subprocess.Popen(
            [COMMAND, "dev"], cwd=folder, env=environment(), stdout=written, stderr=subprocess.STDOUT
        )
    try:
        wait_for(lambda: "Ctrl-C stops" in out.read_text(), what="dev", seconds=180)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(120)
    assert (status, "Traceback" in out.read_text()) == (0, False), out.read_text()
    torn = [log.name for log in (folder / ".sync-pipeline" / "logs").iterdir() if b"Traceback" in log.read_bytes()]
    assert torn == []


@pytest.mark.parametrize("before", ["", f"{COMMAND} demo --exit"], ids=["by itself", "after make demo"])
def test_tour_of_the_readme_runs_word_by_word(folder: Path, project: Path, before: str):
    if before:
        run(folder, before)
    with dev(folder):
        said = run(folder, tour(project))
        assert "Skerry Three-Seat Sofa" in said
        assert "FAIL" not in said
        # Without what `env` exports, too: commands find the `dev` of their folder.
        assert " completed: " in run(folder, f"{COMMAND} sync run --store demo --type blog")
        assert " completed: " in run(folder, f"{COMMAND} sync run --store demo --type blog")
        found = f"{COMMAND} search --store demo zebra"
        wait_for(lambda: "Zebra sofa" in run(folder, found), what="the edit to be found", seconds=60)
