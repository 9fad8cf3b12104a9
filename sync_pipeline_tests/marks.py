"""Which tests are marked with which claims, read from their text: nothing is imported, so it takes no time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from sync_pipeline_tests.claims import CLAIMS, INVARIANTS

TESTS = Path(__file__).parent


class UnknownClaimError(Exception):
    """A mark names a claim that there is not."""


def marked_tests() -> dict[str, list[str]]:
    """The tests by claim or, for a whole invariant, by its number: `file::name` below the project's root, in order.

    Marks of a module (`pytestmark`), of a function and of a parameter's case count. Raises UnknownClaimError.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        place = path.relative_to(TESTS.parent).as_posix()
        for test, claims in _marks_of(ast.parse(path.read_text(encoding="utf-8"))):
            for claim in claims:
                if claim not in CLAIMS and claim not in INVARIANTS:
                    raise UnknownClaimError(f"{place}::{test} is marked with claim {claim}, which claims.py lacks")
                found.setdefault(claim, []).append(f"{place}::{test}")
    return found


def _marks_of(module: ast.Module) -> Iterator[tuple[str, list[str]]]:
    of_module: list[str] = []
    for node in module.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        ):
            of_module = _claims_in(node.value)
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            claims = [*of_module, *(claim for decorator in node.decorator_list for claim in _claims_in(decorator))]
            yield node.name, list(dict.fromkeys(claims))


def _claims_in(expression: ast.expr) -> list[str]:
    return [
        str(argument.value)
        for node in ast.walk(expression)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.invariant"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    ]
