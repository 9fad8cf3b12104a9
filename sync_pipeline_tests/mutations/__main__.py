"""`python -m sync_pipeline_tests.mutations [CLAIM, part of a name or `untried`…]`: tries mutations, keeps the findings.

All of them without a word; some by their claims (7.3), their invariant (7) or a part of what they take out; with
`untried` those of which nothing is known as they are now, or that survived. Ends with status 1 when one survived: then
a test is missing.
"""

from __future__ import annotations

import sys
import time

from sync_pipeline_tests.mutations.catalogue import MUTATIONS
from sync_pipeline_tests.mutations.mutation import (
    PROJECT,
    Finding,
    Mutation,
    TextNotFoundError,
    read_findings,
    write_findings,
)
from sync_pipeline_tests.mutations.trial import Workshop


def chosen(words: list[str]) -> list[Mutation]:
    """The mutations that the words name; all of them without a word."""
    findings = read_findings()

    def is_named(mutation: Mutation, word: str) -> bool:
        if word == "untried":
            found = findings.get(mutation.what)
            return found is None or found.digest != mutation.digest or found.killed_by is None
        claims = {part for claim in mutation.claims for part in (claim, claim.partition(".")[0])}
        return word in claims if word.replace(".", "").isdigit() else word in mutation.what

    return [mutation for mutation in MUTATIONS if not words or any(is_named(mutation, word) for word in words)]


def say(line: str) -> None:
    """Prints a line at once: a trial takes seconds."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(words: list[str]) -> int:
    """Tries them; the exit status."""
    mutations = chosen(words)
    try:
        for mutation in mutations:
            mutation.apply((PROJECT / mutation.file).read_text(encoding="utf-8"))
    except TextNotFoundError as error:
        say(f"error: {error}")
        return 1
    if not mutations:
        say("nothing to try")
        return 0
    findings = read_findings()
    survivors = 0
    with Workshop.opened() as workshop:
        # A test that fails anyway would prove nothing.
        failing = workshop.first_failure(sorted({test for mutation in mutations for test in mutation.tests}))
        if failing is not None:
            say(f"error: {failing.test} fails without any mutation: {failing.why}")
            return 1
        for mutation in mutations:
            began = time.monotonic()
            with workshop.without(mutation):
                failure = workshop.first_failure(mutation.tests)
            seconds = time.monotonic() - began
            survivors += failure is None
            findings[mutation.what] = Finding(mutation.digest, None if failure is None else failure.test)
            told = "SURVIVED" if failure is None else "killed"
            say(f"{told}  {', '.join(mutation.claims)}  {mutation.what}  ({seconds:.0f} s)")
            if failure is not None:
                say(f"    {failure.test}: {failure.why}")
            write_findings(findings, MUTATIONS)
    say(f"{len(mutations) - survivors} of {len(mutations)} mutations were killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
