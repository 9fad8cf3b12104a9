"""Trying mutations: on a copy of the project, with engines that all trials share; the project itself is not touched."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sync_pipeline.local.engines import Engines
from sync_pipeline_tests.mutations.mutation import PROJECT, Mutation

#: What a copy of the project does not need.
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "dist", "docs")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (?P<test>\S+?\.py::\w+).*?(?: - (?P<why>.*))?$", re.MULTILINE)
#: Seconds that a test may take; without its mechanism one may wait for ever.
TEST_TIMEOUT = 60
TESTS_FAILED = 1


class TrialError(Exception):
    """Tests did not run, so that nothing was found out."""


@dataclass(frozen=True)
class Failure:
    """The test that failed, as `file::name` without its parameters, and the beginning of what it said."""

    test: str
    why: str


@dataclass(frozen=True)
class Workshop:
    """A copy of the project, and the variables with which its tests run."""

    copy: Path
    variables: dict[str, str]

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Workshop]:
        """A workshop with PostgreSQL and Elasticsearch, gone at the end."""
        with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
            copy = Path(shutil.copytree(PROJECT, Path(folder, "project"), ignore=_LEFT_OUT))
            with Engines.open(Path(folder, "state"), owner="mutations", idle=0.0) as engines:
                urls = {
                    "DATABASE_URL": engines.url("postgres", "postgres"),
                    "ELASTICSEARCH_URL": engines.url("elasticsearch"),
                }
                yield cls(copy, {**os.environ, **urls, "PYTHONPATH": str(copy), "COLUMNS": "500"})
                engines.stop()

    def first_failure(self, tests: Sequence[str]) -> Failure | None:
        """Runs the tests until one fails; which one. Raises TrialError when they do not run."""
        names = [f"sync_pipeline_tests/{test}" for test in tests]
        options = ["-x", "-q", "--tb=no", "-rfE", f"--timeout={TEST_TIMEOUT}", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, "--hypothesis-seed=0", *names],
            cwd=self.copy,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60 + 2 * TEST_TIMEOUT * len(tests),
            check=False,
        )
        failed = _FAILED.search(done.stdout)
        if done.returncode not in {0, TESTS_FAILED} or (done.returncode == TESTS_FAILED and failed is None):
            raise TrialError(f"pytest ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return None if failed is None else Failure(failed["test"], failed["why"] or "")

    @contextmanager
    def without(self, mutation: Mutation) -> Iterator[None]:
        """Takes the mechanism out while the block works. Raises TextNotFoundError."""
        path = self.copy / mutation.file
        whole = path.read_text(encoding="utf-8")
        self._write(path, mutation.apply(whole))
        try:
            yield
        finally:
            self._write(path, whole)

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        # Compiled code is told from its source by second and size, and both may be the same.
        Path(importlib.util.cache_from_source(path)).unlink(missing_ok=True)
