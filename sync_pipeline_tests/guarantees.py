"""docs/guarantees.md: invariant → claims → tests → the mutations that those tests catch. Generated, nothing by hand.

`python -m sync_pipeline_tests.guarantees` writes the page, `--check` ends with status 1 and one line when it is out of
date or says what is not so, `--tests 7.3` prints the tests of a claim or invariant for pytest.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import chain

from sync_pipeline_tests.claims import CLAIMS, INVARIANTS
from sync_pipeline_tests.marks import UnknownClaimError, marked_tests
from sync_pipeline_tests.mutations.catalogue import MUTATIONS
from sync_pipeline_tests.mutations.mutation import PROJECT, Finding, Mutation, TextNotFoundError, read_findings

PAGE = PROJECT / "docs" / "guarantees.md"
#: What the last long run of the tests of kills and interleavings showed; written by hand, absent before the first.
#: An object of texts and numbers by what they are: date, command, machine, engines, and the counts.
CHAOS_RUN = PROJECT / "sync_pipeline_tests" / "chaos_run.json"
#: The invariants whose every claim must be seen to break.
MUTATED = "2345678"

HEAD = """# Guarantees

What this project promises, claim by claim; below each claim the tests that try to break it; below each invariant its
*mutations*: a mechanism was taken out of a copy of the project, and the named test failed. {claims} claims
({waiting} of what is not built yet), {tests} tests, {mutations} mutations.

The page is generated from the tests' marks and from the findings of the last trials, on the embedded engines
(`python -m sync_pipeline_tests.guarantees`); `make check` says when it is out of date. The paths of tests are below
`sync_pipeline_tests/`.

| | command |
|---|---|
| all these tests | `make test ARGS="-m invariant"` |
| those of a claim or invariant | `make test ARGS="$(.venv/bin/python -m sync_pipeline_tests.guarantees --tests 7.3)"` |
| all mutations again | `.venv/bin/python -m sync_pipeline_tests.mutations` |
| those of a claim or invariant | `.venv/bin/python -m sync_pipeline_tests.mutations 7.3` |
| the tests of kills, faults and interleavings, for long | `make chaos SCHEDULES=1000` |
"""

MUTATIONS_HEAD = """
| claim | taken out | in | fails |
|---|---|---|---|
"""


class UnprovenError(Exception):
    """The page would promise something that nothing shows."""


def page() -> str:
    """The whole page. Raises UnprovenError, UnknownClaimError, TextNotFoundError."""
    tests, findings = marked_tests(), read_findings()
    check_claims(tests)
    parts = [
        HEAD.format(
            claims=len(CLAIMS),
            waiting=sum(bool(claim.waits_for) for claim in CLAIMS.values()),
            tests=len(set(chain.from_iterable(tests.values()))),
            mutations=len(MUTATIONS),
        ),
        *_chaos_run(),
    ]
    for number, invariant in INVARIANTS.items():
        parts.append(f"\n## {number}. {invariant.title}\n\n")
        parts += [f"- `{_short(test)}`\n" for test in tests.get(number, ())]
        for claim_id, claim in invariant.claims.items():
            waits = f" *Not built yet: waits for {claim.waits_for}.*" if claim.waits_for else ""
            parts.append(f"- **{claim_id}** {claim.text}{waits}\n")
            parts += [f"  - `{_short(test)}`\n" for test in tests.get(claim_id, ())]
        parts.append(MUTATIONS_HEAD)
        parts += [_row(mutation, findings, tests) for mutation in MUTATIONS if mutation.claims[0][0] == number]
    return "".join(parts)


def _chaos_run() -> Iterator[str]:
    """The lines about the last long run, if there was one."""
    if CHAOS_RUN.is_file():
        yield "\n## The last long run\n\n| | |\n|---|---|\n"
        for what, told in json.loads(CHAOS_RUN.read_text(encoding="utf-8")).items():
            yield f"| {what} | {told} |\n"


def check_claims(tests: dict[str, list[str]]) -> None:
    """Raises UnprovenError for a claim that is built and has no test or, where it must have one, no mutation."""
    mutated = set(chain.from_iterable(mutation.claims for mutation in MUTATIONS))
    for claim_id, claim in CLAIMS.items():
        if claim.waits_for:
            continue
        if claim_id not in tests:
            raise UnprovenError(f"claim {claim_id} has no test: {claim.text}")
        if claim_id[0] in MUTATED and claim_id not in mutated:
            raise UnprovenError(f"claim {claim_id} has no mutation: {claim.text}")


def _row(mutation: Mutation, findings: dict[str, Finding], tests: dict[str, list[str]]) -> str:
    mutation.apply((PROJECT / mutation.file).read_text(encoding="utf-8"))
    found = findings.get(mutation.what)
    if found is None or found.digest != mutation.digest:
        raise UnprovenError(f"not tried as it is now: {mutation.what} (python -m sync_pipeline_tests.mutations)")
    if found.killed_by is None:
        raise UnprovenError(f"no test fails: {mutation.what}")
    for claim in mutation.claims:
        if found.killed_by not in {*tests.get(claim, ()), *tests.get(claim[0], ())}:
            raise UnprovenError(f"{found.killed_by} is not marked with claim {claim}: {mutation.what}")
    return f"| {', '.join(mutation.claims)} | {mutation.what} | `{mutation.file}` | `{_short(found.killed_by)}` |\n"


def _short(test: str) -> str:
    return test.removeprefix("sync_pipeline_tests/")


def tests_of(number: str) -> Iterator[str]:
    """The tests of a claim, or of an invariant with all its claims."""
    tests = marked_tests()
    numbers = [number, *(INVARIANTS[number].claims if number in INVARIANTS else ())]
    return iter(dict.fromkeys(chain.from_iterable(tests.get(place, ()) for place in numbers)))


def main(words: list[str]) -> int:
    """Does what the words say; the exit status."""
    if words[:1] == ["--tests"]:
        sys.stdout.write(" ".join(chain.from_iterable(map(tests_of, words[1:]))) + "\n")
        return 0
    try:
        text = page()
    except (UnprovenError, UnknownClaimError, TextNotFoundError) as error:
        sys.stderr.write(f"error: docs/guarantees.md: {error}\n")
        return 1
    if words == ["--check"]:
        if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
            sys.stderr.write("error: docs/guarantees.md is out of date: python -m sync_pipeline_tests.guarantees\n")
            return 1
        return 0
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
