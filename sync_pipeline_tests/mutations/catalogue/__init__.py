"""The mutations that are tried: for each claim the mechanisms behind it, taken out one by one.

A module or two for each invariant. What belongs here: the exact texts, and the tests that must fail, few and fast ones.
What does not: how they are tried (trial.py) and what came of it (results.json).
"""

from __future__ import annotations

from itertools import chain

from sync_pipeline_tests.mutations.catalogue import (
    balanced_books,
    failed_reads,
    fenced_holders,
    kept_secrets,
    nothing_lost,
    nothing_stale,
    one_bad_thing,
    passing_faults,
    whole_search,
)
from sync_pipeline_tests.mutations.mutation import Mutation

#: Every mutation, by invariant and claim.
MUTATIONS: tuple[Mutation, ...] = tuple(
    chain.from_iterable(
        module.MUTATIONS
        for module in (
            nothing_lost,
            nothing_stale,
            balanced_books,
            failed_reads,
            whole_search,
            one_bad_thing,
            passing_faults,
            kept_secrets,
            fenced_holders,
        )
    )
)
