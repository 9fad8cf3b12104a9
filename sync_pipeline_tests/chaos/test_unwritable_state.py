"""A state directory that cannot be made or written: one line that names it, status 2, and no trace of a batch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_pipeline_tests.chaos import victims
from sync_pipeline_tests.commands import Answer, Commands
from sync_pipeline_tests.pipelines.store_search.conftest import Shop

pytestmark = pytest.mark.chaos

VERBS = (["dev"], ["env"], ["sync", "run", "--store", "abc"])
#: Root passes by the modes of files; without these two capabilities it obeys them as everybody does.
OBEDIENT = ("--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")


def obediently(commands: Commands, *words: str, **more: str) -> Answer:
    """The command's answer, as it is for a user who is not above permissions."""
    prefix: list[str] = []
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("root needs setpriv to be refused anything")
        prefix = [setpriv, *OBEDIENT]
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "sync_pipeline.cli", *words],
        cwd=commands.folder,
        env=commands.environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def embedded(tmp_path: Path) -> Commands:
    """The command line with engines of its own, which live in the state directory."""
    return Commands(tmp_path, {"SYNC_PIPELINE_LOG_FILE": str(tmp_path / "commands.log")})


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that its own owner may not write into."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    yield folder
    folder.chmod(0o700)


@pytest.mark.parametrize("words", VERBS)
def test_a_path_below_a_file_is_refused_in_one_line(embedded: Commands, words: list[str]):
    (embedded.folder / "file").write_text("of somebody")
    place = embedded.folder / "file" / "state"
    line = embedded(*words, SYNC_PIPELINE_STATE_DIR=str(place)).failed_in_one_line(2)
    assert f"the state directory {place} cannot be used: Not a directory" in line
    assert (embedded.folder / "file").read_text() == "of somebody"


@pytest.mark.parametrize("words", VERBS)
def test_a_folder_that_is_closed_to_its_user_is_refused_in_one_line(embedded: Commands, closed: Path, words: list[str]):
    line = obediently(embedded, *words, SYNC_PIPELINE_STATE_DIR=str(closed)).failed_in_one_line(2)
    assert f"the state directory {closed} cannot be used: Permission denied" in line
    assert list(closed.iterdir()) == []


def test_nor_can_it_hold_the_log(embedded: Commands, closed: Path):
    answer = obediently(embedded, "stores", "list", SYNC_PIPELINE_STATE_DIR=str(closed), SYNC_PIPELINE_LOG_FILE="")
    line = answer.failed_in_one_line(2)
    assert f"the state directory {closed} cannot be used: Permission denied; set SYNC_PIPELINE_STATE_DIR" in line


def test_servers_elsewhere_do_not_make_up_for_it(commands: Commands, shop: Shop):
    (commands.folder / "file").write_text("of somebody")
    log = str(commands.folder / "commands.log")
    for words in (["env"], ["sync", "run", "--store", shop.hash]):
        answer = commands(*words, SYNC_PIPELINE_STATE_DIR=str(commands.folder / "file"), SYNC_PIPELINE_LOG_FILE=log)
        assert f"{commands.folder / 'file'} cannot be used: Not a directory" in answer.failed_in_one_line(2)
    assert shop.pipeline.ledger.list() == []


@pytest.mark.invariant("3.6", "5.4")
def test_a_folder_that_is_closed_after_its_first_use_fails_the_batch_and_the_old_index_answers(
    commands: Commands, shop: Shop
):
    words = ("sync", "run", "--store", shop.hash)
    assert victims.answer(victims.start(commands, *words), commands).status == 0
    served = shop.documents()
    folders = [path for path in (commands.folder / "state").rglob("*") if path.is_dir()]
    for folder in folders:
        folder.chmod(0o500)
    try:
        answer = obediently(commands, *words)
    finally:
        for folder in folders:
            folder.chmod(0o700)
    assert "cannot be written: Permission denied" in answer.failed_in_one_line(1)
    newest = shop.pipeline.ledger.list(limit=1)[0]
    assert (newest.status, newest.error["kind"]) == ("failed", "unwritable")
    assert shop.documents() == served
