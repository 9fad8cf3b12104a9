"""What commands write into the state directory is closed to other users, whatever the umask lets pass."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_pipeline import logs
from sync_pipeline.pipelines.store_search.words.apply import write_lines
from sync_pipeline_tests.commands import Commands


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.invariant("7.9", "7.10")
def test_no_file_or_folder_of_the_state_directory_is_open_to_others(open_umask: None, commands: Commands, store: str):
    state = commands.folder / "state"
    log = state / "logs" / "commands.log"
    done = commands("sync", "run", "--store", store, "--type", "synonyms", SYNC_PIPELINE_LOG_FILE=str(log))
    assert done.status == 0, done
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [state, *state.rglob("*")] if not path.is_symlink()}
    assert log in modes
    assert any(path.name == "synonyms.txt" for path in modes)
    assert {str(path): oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


@pytest.mark.invariant("7.9", "7.10")
def test_files_and_folders_are_made_closed_and_do_not_wait_for_a_commands_umask(
    open_umask: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    words, log = tmp_path / "search" / "abc" / "stop_words.txt", tmp_path / "logs" / "x.log"
    write_lines(words, ["the"])
    monkeypatch.setattr(logs, "_asked_for", [])  # no line of another test goes to this file
    logs.configure_logging("INFO", log)
    assert {path.name: mode(path) for path in (words, log)} == {"stop_words.txt": "0o600", "x.log": "0o600"}
    assert {mode(path) for path in (words.parent, words.parent.parent, log.parent)} == {"0o700"}


@pytest.mark.invariant("7.10")
def test_a_log_file_elsewhere_is_closed_to_others_too(open_umask: None, commands: Commands, tmp_path: Path):
    log = tmp_path / "elsewhere" / "commands.log"
    commands("stores", "show", "nope", SYNC_PIPELINE_LOG_FILE=str(log))
    assert (mode(log), mode(log.parent)) == ("0o600", "0o700")
