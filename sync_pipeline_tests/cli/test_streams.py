"""What a command does when its answer cannot be written: one line at most, and never a traceback."""

from __future__ import annotations

import errno
import json
import shlex
import subprocess
import sys

import pytest

from sync_pipeline.cli.streams import exit_after
from sync_pipeline_tests.commands import Answer, Commands

#: Answers by typer, by rich and in JSON, and one that is an error.
ANSWERS = (
    ("--help",),
    ("batches", "stats"),
    ("stores", "show", "HASH", "--json"),
    ("batches", "show", "4711"),
)


def through(commands: Commands, words: tuple[str, ...], store: str, shell: str, **more: str) -> Answer:
    """What the command does where the shell puts its answer; its own status."""
    line = shlex.join([sys.executable, "-m", "sync_pipeline.cli", *(word.replace("HASH", store) for word in words)])
    done = subprocess.run(
        ["bash", "-c", shell.replace("COMMAND", line)],
        cwd=commands.folder,
        env=commands.environment(**more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def test_full_disk_behind_stdout_is_one_line(commands: Commands, store: str):
    for words in ANSWERS:
        answer = through(commands, words, store, "COMMAND > /dev/full")
        if "4711" in words:
            assert "does not exist" in answer.failed_in_one_line(2)
        else:
            assert "the answer cannot be written: No space left on device" in answer.failed_in_one_line(1)
    assert through(commands, ANSWERS[-1], store, "COMMAND > /dev/full 2> /dev/full").status == 2


def test_reader_that_went_away_is_no_failure(commands: Commands, store: str):
    for words in ANSWERS:
        answer = through(commands, words, store, "exec 3> >(true); wait $!; COMMAND >&3")
        expected = (2, 1) if "4711" in words else (0, 0)
        assert (answer.status, answer.error.count("\n")) == expected, (words, answer)


def test_closed_stdout_is_no_failure(commands: Commands, store: str):
    answer = through(commands, ANSWERS[1], store, "COMMAND >&-")
    assert (answer.status, answer.error) == (0, "")


def test_names_are_told_to_any_terminal(commands: Commands, store: str):
    variables = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    name = "Kaffee Größe 50 € 🪑"
    assert commands("saved-queries", "add", name, "--store", store, "--expect", "product-101").status == 0
    told = through(commands, ("saved-queries", "list", "--store", store), store, "COMMAND", **variables)
    assert (told.status, told.error) == (0, "")
    assert "Kaffee Gr" in told.out
    listed = through(commands, ("saved-queries", "list", "--store", store, "--json"), store, "COMMAND", **variables)
    assert name in json.dumps(json.loads(listed.out), ensure_ascii=False)
    wrong = through(commands, ("batches", "show", "für €"), store, "COMMAND", **variables)
    assert len(wrong.error.strip().splitlines()) == 1
    assert wrong.status == 2


def test_closed_or_odd_stdin_is_one_line(commands: Commands, store: str):
    words = ("stores", "reenter-token", store, "--token-stdin")
    assert "token is empty" in through(commands, words, store, "COMMAND <&-").failed_in_one_line(2)
    odd = through(commands, words, store, "printf '\\377\\n' | COMMAND")
    assert "token" in odd.failed_in_one_line(1)


def test_failure_that_is_not_of_stdout_is_told_as_it_is(capsys: pytest.CaptureFixture[str]):
    def command() -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    told: list[str] = []
    assert exit_after(command, told.append) == 1
    assert told == ["Too many open files"]
