"""The files of a store's words: old or new, never half."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from sync_pipeline.pipelines.store_search.words.apply import UnwritableFileError, write_lines


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """This process can write no larger file meanwhile, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path):
    path = tmp_path / "search" / "words.txt"
    write_lines(path, ["old"])
    with (
        files_of_at_most(4_000_000),
        pytest.raises(UnwritableFileError, match=r"words\.txt cannot be written: File too large"),
    ):
        write_lines(path, ["new" * 1000] * 2000)
    assert path.read_text() == "old\n"
    assert [file.name for file in path.parent.iterdir()] == ["words.txt"]
    with pytest.raises(UnwritableFileError, match="cannot be written"):
        write_lines(path / "below" / "words.txt", ["new"])


def test_a_reader_never_sees_half_a_file(tmp_path: Path):
    path = tmp_path / "words.txt"
    versions = [["a" * 99] * 2000, ["b" * 99] * 2000]
    whole = {"".join(f"{line}\n" for line in lines) for lines in versions}
    write_lines(path, versions[0])
    seen: set[str] = set()
    with ThreadPoolExecutor(1) as threads:
        writer = threads.submit(lambda: [write_lines(path, versions[number % 2]) for number in range(200)])
        while not writer.done():
            seen.add(path.read_text())
        writer.result()
    assert seen == whole
    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("words.txt", 0o600)]
