"""Docstrings of functions say first what the function does: a verb and its object (CONTRIBUTING.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from sync_pipeline_tests.toy.made import write_toy

#: First words of a sentence that names a thing instead.
NO_VERBS = {"A", "All", "An", "Each", "Every", "How", "One", "The", "Those", "What", "When", "Where", "Whether", "Why"}


def functions(folder: Path) -> Iterator[tuple[str, str]]:
    """Every function that is not a property, by place, with its docstring."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if any("property" in ast.unparse(decorator) for decorator in node.decorator_list):
                continue
            if docstring := ast.get_docstring(node):
                yield f"{file.relative_to(folder)}:{node.lineno} {node.name}", docstring


def without_verb(found: dict[str, str]) -> list[str]:
    return [place for place, docstring in found.items() if docstring.split()[0] in NO_VERBS]


def test_docstring_begins_with_a_verb(project: Path):
    found = dict(functions(project / "sync_pipeline"))
    assert len(found) > 500
    assert without_verb(found) == []


def test_docstring_of_the_example_begins_with_a_verb(tmp_path: Path):
    found = dict(functions(write_toy(tmp_path)))
    assert len(found) > 10
    assert without_verb(found) == []
