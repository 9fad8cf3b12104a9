"""The structure of the project: no circles of imports, the same rooms in every pipeline, nothing heavy where it hurts.

Layers, and where Dagster may be imported, are contracts in pyproject.toml (`lint-imports`).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import grimp
import pytest

import sync_pipeline
from sync_pipeline.pipelines.registry import PIPELINES

#: What every pipeline has, whatever else only it has.
ROOMS = {"pipeline", "types", "requests", "runtime", "sync", "defs", "source", "documents"}
DEFS = {"assets", "automation", "checks", "definitions", "partitions"}


def circles(imports: Mapping[str, set[str]]) -> list[set[str]]:
    """The groups of modules that import each other in a circle: repeatedly drops what nothing or no one imports."""
    left = {module: {other for other in others if other in imports} for module, others in imports.items()}
    while True:
        imported = set().union(*left.values()) if left else set()
        free = {module for module, others in left.items() if not others or module not in imported}
        if not free:
            return [{module, *others} for module, others in left.items()]
        left = {module: others - free for module, others in left.items() if module not in free}


def test_no_circle_of_imports_not_even_for_type_checkers():
    graph = grimp.build_graph("sync_pipeline", cache_dir=None)
    imports = {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}
    assert circles(imports) == []


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [{"b", "c"}, {"b", "c"}]


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda pipeline: pipeline.name)
def test_pipeline_has_the_rooms_of_all(pipeline):
    folder = Path(sync_pipeline.__file__).parent / "pipelines" / pipeline.name
    assert {path.stem for path in folder.iterdir()} >= ROOMS
    assert {path.stem for path in (folder / "defs").iterdir()} >= DEFS


def test_every_pipeline_has_a_name_and_a_noun_of_its_own():
    for words in ([one.name for one in PIPELINES], [one.noun for one in PIPELINES]):
        assert len(set(words)) == len(words)


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import sync_pipeline.cli.main", ("sqlalchemy", "dagster", "elasticsearch", "pydantic")),
        ("import sync_pipeline.pipelines.registry", ("sqlalchemy", "dagster", "elasticsearch")),
        (
            "import sync_pipeline.cli.commands as c; [c.load(v) for v in c.VERBS.values()]",
            ("dagster", "elasticsearch", "fastapi", "uvicorn"),
        ),
    ],
)
def test_command_line_imports_what_it_needs_when_it_needs_it(project: Path, code: str, forbidden: tuple[str, ...]):
    told = f"{code}; import sys; print([name for name in {forbidden!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=project, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"
