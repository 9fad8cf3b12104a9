"""The state directory's rules: private, replaced in one step, and a clear word when it cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sync_pipeline.errors import UsageError
from sync_pipeline.local.engines import Engines
from sync_pipeline.local.state import StateDir, read_json, try_lock, write_json

ROOT = Path(__file__).parents[2]


@pytest.mark.invariant("7.9")
def test_an_existing_directory_is_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    StateDir(tmp_path).create()
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_path_that_cannot_be_a_directory_is_wrong_usage_in_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        UsageError, match=f"the state directory {tmp_path}/{place} cannot be used: .*SYNC_PIPELINE_STATE_DIR"
    ):
        Engines.open(tmp_path / place, owner="test")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try as another user")
@pytest.mark.parametrize("mode", [0o555, 0o700])
def test_a_directory_that_belongs_to_another_user_is_wrong_usage(tmp_path: Path, mode: int) -> None:
    script = f"""
import os, sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from sync_pipeline.local.down import stop_all
from sync_pipeline.local.engines import Engines
from sync_pipeline.errors import UsageError
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
for what in (lambda: Engines.open(Path("state"), owner="test"), lambda: stop_all(Path("state"))):
    try:
        what()
    except UsageError as error:
        print(error)
"""
    StateDir(tmp_path / "state").create()
    (tmp_path / "state").chmod(mode)
    tried = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = tried.stdout.splitlines()
    assert len(lines) == 2
    assert all("cannot be used: " in line for line in lines)


@pytest.mark.invariant("7.10")
def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    done = threading.Event()

    def write() -> None:
        for number in range(300):
            write_json(file, {"n": number, "filling": "x" * 20_000})
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while not done.is_set():
        content = read_json(file)
        if content is not None:
            seen.append(content["n"])
            assert len(content["filling"]) == 20_000
        else:
            assert not seen, "it was there before"
    writer.join()
    assert seen == sorted(seen)
    assert list(tmp_path.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_damaged_file_reads_as_absent(tmp_path: Path) -> None:
    for content in ("", "{", "[]", "\x00"):
        (tmp_path / "x.json").write_text(content)
        assert read_json(tmp_path / "x.json") is None


def test_a_lock_is_held_until_its_descriptor_is_closed(tmp_path: Path) -> None:
    first = try_lock(tmp_path / "lock")
    assert first is not None
    assert try_lock(tmp_path / "lock") is None
    assert try_lock(tmp_path / "lock", shared=True) is None
    os.close(first)
    second = try_lock(tmp_path / "lock")
    assert second is not None
    os.close(second)
