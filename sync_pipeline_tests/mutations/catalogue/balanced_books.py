"""Invariant 3: the books balance."""

from __future__ import annotations

from sync_pipeline_tests.mutations.mutation import Mutation

ASSETS = "sync_pipeline/pipelines/store_search/defs/assets.py"
BOOKS = "sync_pipeline/delivery/books.py"
CHECKS = "sync_pipeline/pipelines/store_search/defs/checks.py"
COMPARE = "sync_pipeline/delivery/compare.py"
DELIVER = "sync_pipeline/delivery/deliver.py"
PARTS = "sync_pipeline/batches/parts.py"

BOOK_TESTS = "pipelines/store_search/imports/test_books.py"
DELIVER_TESTS = "delivery/test_deliver.py"

MUTATIONS = (
    Mutation(
        "the outcome of a record that is filtered",
        ("3.1",),
        DELIVER,
        {"settled.append((item, Outcome.FILTERED, item.reason))": "pass"},
        (f"{DELIVER_TESTS}::test_every_item_gets_exactly_one_outcome",),
    ),
    Mutation(
        "the outcome of a record that is given up",
        ("3.1",),
        DELIVER,
        {"self.books.settle(item, Outcome.DEAD_LETTERED, item.reason)": "pass"},
        (f"{DELIVER_TESTS}::test_every_item_gets_exactly_one_outcome",),
    ),
    Mutation(
        "sending only those again that have no outcome yet",
        ("3.1",),
        "sync_pipeline/delivery/writing.py",
        {"return anew, busy, Retryable": "return anew, busy and chunk, Retryable"},
        (f"{DELIVER_TESTS}::test_under_any_passing_faults_the_newest_version_wins_and_the_books_balance",),
    ),
    Mutation(
        "telling absent keys from records that were read",
        ("3.2",),
        BOOKS,
        {"is_absent = isinstance(item, Operation) and item.absent": "is_absent = False"},
        (f"{DELIVER_TESTS}::test_a_key_that_only_the_destination_has_is_absent_and_not_read",),
    ),
    Mutation(
        "the mark of a delete whose key no listing has",
        ("3.2",),
        COMPARE,
        {"Operation(key, version, Action.DELETE, absent=True)": "Operation(key, version, Action.DELETE)"},
        ("pipelines/store_search/imports/test_modes.py::test_only_what_changed_is_written",),
    ),
    Mutation(
        "checking the books at the end of a delivery",
        ("3.5",),
        DELIVER,
        {"        self.books.check()\n": ""},
        (
            "delivery/test_refusals.py::test_a_delivery_that_accounts_for_less_than_it_read_is_an_error",
            f"{BOOK_TESTS}::test_a_batch_that_loses_a_record_is_failed_and_publishes_nothing",
        ),
    ),
    Mutation(
        "the absent keys in the balance",
        ("3.5",),
        BOOKS,
        {"if self.read + self.absent != self.accounted:": "if self.read > self.accounted:"},
        ("delivery/test_refusals.py::test_a_delivery_that_accounts_for_less_than_it_read_is_an_error",),
    ),
    Mutation(
        "the books in the checks of an import",
        ("3.5",),
        CHECKS,
        {'(balances(stats), {"books"': '(True, {"books"'},
        (f"{BOOK_TESTS}::test_the_check_of_an_import_sees_books_that_do_not_balance",),
    ),
    Mutation(
        "failing the delivery when its source breaks",
        ("3.6", "4.1"),
        DELIVER,
        {"raise _first(errors) from errors": "return self.books"},
        (f"{DELIVER_TESTS}::test_a_source_that_breaks_ends_the_delivery_with_its_error_and_is_closed",),
    ),
    Mutation(
        "failing the run after an import failed (it is only logged)",
        ("3.6",),
        ASSETS,
        {"            raise ImportsFailedError(failures)": "            return"},
        (
            "pipelines/store_search/imports/test_full_batch.py"
            "::test_a_failing_import_fails_its_batch_and_leaves_the_old_index_and_the_others_results",
        ),
    ),
    Mutation(
        "failing the batch of a part that failed",
        ("3.6",),
        PARTS,
        {"        _close_failed(ledger, batch, describe(error))\n": ""},
        ("batches/test_parts.py::test_a_failing_part_closes_the_batch_and_the_others_are_not_run",),
    ),
    Mutation(
        "completing a batch only after all its parts",
        ("3.6",),
        PARTS,
        {"if set(part.batch.counts) >= set(run.planned):": "if part.batch.counts:"},
        ("batches/test_parts.py::test_the_first_part_claims_and_the_last_planned_one_completes",),
    ),
    Mutation(
        "counting the deliveries of an event that waited",
        ("3.4",),
        "sync_pipeline/pipelines/store_search/events/groups.py",
        {'            self.counts["coalesced"] += event.received - 1\n': ""},
        ("pipelines/store_search/events/test_drain.py::test_the_books_of_events_balance",),
    ),
    Mutation(
        "checking what a destination answers",
        ("3.1",),
        "sync_pipeline/delivery/writing.py",
        {"        _check_answer(delivery.destination, sent, answered)\n": ""},
        ("delivery/test_refusals.py::test_answers_that_cannot_be_fail_the_batch_and_name_the_connector",),
    ),
)
