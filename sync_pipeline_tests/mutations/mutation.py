"""What a mutation is, and what was found when it was tried; the findings are kept in results.json beside this file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
RESULTS = Path(__file__).parent / "results.json"


class TextNotFoundError(Exception):
    """What a mutation would take out is not in its file, or not only once: the code has changed since."""


@dataclass(frozen=True)
class Mutation:
    """A mechanism of the product taken out.

    ``what`` says in one line what is no longer done, and is the mutation's name. ``claims`` are those that must break;
    ``edits`` are exact texts of ``file`` (below the project's root) with what they become; ``tests`` are those to run,
    below `sync_pipeline_tests/`.
    """

    what: str
    claims: tuple[str, ...]
    file: str
    edits: Mapping[str, str]
    tests: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Tells whether a finding is of this mutation as it is now."""
        return hashlib.sha256(json.dumps([self.file, dict(self.edits)]).encode()).hexdigest()[:16]

    def apply(self, text: str) -> str:
        """The file's text without the mechanism. Raises TextNotFoundError."""
        for old, new in self.edits.items():
            if text.count(old) != 1:
                raise TextNotFoundError(f"{self.what}: {text.count(old)} times in {self.file}: {old.strip()!r}")
            text = text.replace(old, new)
        return text


@dataclass(frozen=True)
class Finding:
    """The first test that failed without the mechanism, as `file::name` below the root; None when none did."""

    digest: str
    killed_by: str | None


def read_findings() -> dict[str, Finding]:
    """The findings by what was taken out."""
    return {what: Finding(**found) for what, found in json.loads(RESULTS.read_text(encoding="utf-8")).items()}


def write_findings(findings: Mapping[str, Finding], known: Iterable[Mutation]) -> None:
    """Keeps the findings of the mutations there are, in their order."""
    kept = {mutation.what: asdict(findings[mutation.what]) for mutation in known if mutation.what in findings}
    RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
