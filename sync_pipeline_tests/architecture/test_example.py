"""The blocks of docs/adding-a-pipeline.md keep the style that `make check` asks of whoever copies them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sync_pipeline_tests.toy.made import write_toy

# The rest of the package is not there, so ruff has to be told that it is the project's own.
CHECK = ("check", "--config", "lint.isort.known-first-party = ['sync_pipeline']")
FORMAT = ("format", "--check")


@pytest.mark.parametrize("command", [CHECK, FORMAT], ids=["check", "format"])
def test_example_keeps_the_style(tmp_path: Path, project: Path, command: tuple[str, ...]):
    # Where they would be in the project: rules differ by folder.
    (tmp_path / "pyproject.toml").write_bytes((project / "pyproject.toml").read_bytes())
    write_toy(tmp_path / "sync_pipeline" / "pipelines")
    said = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--no-cache", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
