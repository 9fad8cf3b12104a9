"""Invariant 6: one bad record, store or scope does not stop the others. Retries are in passing_faults.py."""

from __future__ import annotations

from sync_pipeline_tests.mutations.mutation import Mutation

BISECTION = "sync_pipeline/delivery/bisection.py"
ANSWERS = "sync_pipeline/connectors/bigcommerce/answers.py"
BULK = "sync_pipeline/connectors/elasticsearch/bulk.py"
CLAIMS = "sync_pipeline/pipelines/store_search/events/claims.py"
DELIVER = "sync_pipeline/delivery/deliver.py"
DRAIN = "sync_pipeline/pipelines/store_search/events/drain.py"
ERROR_BUDGET = "sync_pipeline/delivery/error_budget.py"
IMPORTS = "sync_pipeline/pipelines/store_search/imports/run.py"
LISTING = "sync_pipeline/connectors/bigcommerce/listing.py"
QUEUE = "sync_pipeline/batches/queue.py"
WRITING = "sync_pipeline/delivery/writing.py"

BUDGET_TESTS = "delivery/test_error_budget.py"
BULK_TESTS = "connectors/elasticsearch/test_bulk_faults.py"
CLAIM_TESTS = "pipelines/store_search/events/test_event_claims.py"
DELIVER_TESTS = "delivery/test_deliver.py"
REFUSALS = "delivery/test_refusals.py"
CLIENT_TESTS = "connectors/bigcommerce/test_client.py"
WHAT_MAY_PASS = f"{CLIENT_TESTS}::test_what_may_pass_is_tried_again_and_what_cannot_is_final"

MUTATIONS = (
    Mutation(
        "looking for the record that a chunk is rejected for (all are given up)",
        ("6.1",),
        WRITING,
        {
            "alone, chunk = await find_refused(refused, self._send)": (
                "alone, chunk = await self.delivery.give_up([_rejected(one, 'refused', '') for one in chunk]), []"
            )
        },
        (f"{DELIVER_TESTS}::test_a_poisoned_record_costs_at_most_log2_extra_requests_and_only_itself",),
    ),
    Mutation(
        "halving a rejected chunk in the middle (one record is cut off instead)",
        ("6.1",),
        BISECTION,
        {"suspects[: len(suspects) // 2], suspects[len(suspects) // 2 :]": "suspects[:1], suspects[1:]"},
        (f"{DELIVER_TESTS}::test_a_poisoned_record_costs_at_most_log2_extra_requests_and_only_itself",),
    ),
    Mutation(
        "telling a request refused for its content from other refusals",
        ("6.1",),
        BULK,
        {"if failure.status in {400, 413} and": "if False and"},
        (f"{BULK_TESTS}::test_a_request_refused_for_its_content_may_be_split",),
    ),
    Mutation(
        "telling a busy shard from a bad document",
        ("6.4",),
        BULK,
        {"retryable = done.status == 429 or done.status >= 500": "retryable = False"},
        (f"{BULK_TESTS}::test_an_operation_that_met_a_busy_shard_is_retryable_and_the_others_stand",),
    ),
    Mutation(
        "telling errors of the index from errors of the document",
        ("6.4",),
        BULK,
        {"if error.type in _INDEX_ERRORS and not retryable:": "if False:"},
        (f"{BULK_TESTS}::test_a_refused_key_or_index_ends_the_run_and_blames_no_record",),
    ),
    Mutation(
        "sending again what the destination was only too busy for",
        ("6.4",),
        WRITING,
        {"case ItemError(retryable=True):": "case ItemError(retryable=None):"},
        (f"{REFUSALS}::test_only_what_was_too_much_is_sent_again_and_never_becomes_a_dead_letter",),
    ),
    Mutation(
        "ending a delivery whose destination stays away (its records are blamed)",
        ("6.4",),
        WRITING,
        {
            'raise RetryableDestinationError(f"gave up after {tried} attempts: {last}", wait=asked) from last': (
                'return await self.delivery.give_up([_rejected(one, "gave_up", str(last)) for one in chunk])'
            )
        },
        (f"{REFUSALS}::test_a_destination_that_stays_busy_ends_the_run_and_blames_no_record",),
    ),
    Mutation(
        "giving a refused record up at once (it is sent again)",
        ("6.5",),
        WRITING,
        {"rejected.append(_rejected(operation, result.reason, result.message))": "busy.append(operation)"},
        (f"{REFUSALS}::test_a_record_that_is_refused_is_a_dead_letter_at_once_and_not_asked_for_again",),
    ),
    Mutation(
        "keeping what was given up",
        ("6.5",),
        DELIVER,
        {"        await asyncio.to_thread(self.keep, rejected)\n": ""},
        (f"{REFUSALS}::test_a_record_that_is_refused_is_a_dead_letter_at_once_and_not_asked_for_again",),
    ),
    Mutation(
        "the version below which a full batch ends dead letters, from before its first reading",
        ("6.5",),
        "sync_pipeline/pipelines/store_search/imports/run.py",
        {"version=build.first_version": "version=build.part.ledger.next_version()"},
        (
            "pipelines/store_search/index/test_made_late.py"
            "::test_dead_letter_of_what_was_read_before_the_index_was_made_stays",
        ),
    ),
    Mutation(
        "taking a store's other 4xx for final",
        ("6.5",),
        ANSWERS,
        {"    raise RefusedError(store_hash, what)": "    raise AttemptError(what, becomes=RefusedError)"},
        (WHAT_MAY_PASS,),
    ),
    Mutation(
        "telling a malformed record from the rest of its page",
        ("6.6",),
        LISTING,
        {"            return MalformedRecord(": "            raise\n            return MalformedRecord("},
        ("connectors/bigcommerce/test_products.py::test_a_malformed_product_is_told_apart_and_the_rest_goes_on",),
    ),
    Mutation(
        "letting the other imports end when one fails",
        ("6.6",),
        IMPORTS,
        {"            return part, error\n": "            raise\n"},
        (
            "pipelines/store_search/imports/test_refusing_stores.py"
            "::test_an_import_whose_listing_fails_leaves_its_index_as_it_was_and_the_others_their_results",
        ),
    ),
    Mutation(
        "looking for the oldest batch of each scope (of all instead)",
        ("6.6",),
        QUEUE,
        {"        .group_by(SyncBatch.scope)\n": ""},
        ("batches/test_ledger.py::test_due_is_the_oldest_pending_batch_of_every_scope_whose_lane_is_free",),
    ),
    *(
        Mutation(
            f"the error budget's {what}",
            ("6.7",),
            ERROR_BUDGET,
            {condition: without},
            (f"{BUDGET_TESTS}::test_a_hopeless_run_ends_with_what_failed_kept",),
        )
        for what, condition, without in (
            ("number in all", "if dead > self.total:", "if False:"),
            ("number in a row", "elif dead - self._before > self.consecutive:", "elif False:"),
            ("share", "dead > books.accounted * self.share:", "False:"),
        )
    ),
    Mutation(
        "the error budget while a run is under way",
        ("6.7",),
        DELIVER,
        {"        self.budget.check(self.books)\n": ""},
        (f"{BUDGET_TESTS}::test_a_hopeless_run_ends_with_what_failed_kept",),
    ),
    Mutation(
        "the error budget at the end of a run",
        ("6.7",),
        DELIVER,
        {"        self.budget.check(self.books, ended=True)\n": ""},
        (f"{BUDGET_TESTS}::test_a_hopeless_run_ends_with_what_failed_kept",),
    ),
    Mutation(
        "holding only deaths against events",
        ("6.4",),
        CLAIMS,
        {'whose="=", given_back=1': 'whose="=", given_back=0'},
        (f"{CLAIM_TESTS}::test_a_failure_that_is_no_events_fault_is_not_held_against_it",),
    ),
    *(
        Mutation(
            what,
            ("6.6",),
            file,
            {condition: without},
            (f"{CLAIM_TESTS}::test_an_event_that_kills_its_drains_is_soon_alone_and_then_a_dead_letter",),
        )
        for what, file, condition, without in (
            ("the end of events with which drains die", DRAIN, "if group.deaths >= POISON_AFTER:", "if False:"),
            ("claiming alone what drains died with", CLAIMS, "WebhookEvent.attempts >= ALONE_AFTER", "False"),
        )
    ),
    Mutation(
        "the end of a drain that others wait for",
        ("6.6",),
        DRAIN,
        {"age >= self.turn and await asyncio.to_thread(kept_waiting, self.part.ledger)": "False"},
        (f"{CLAIM_TESTS}::test_a_drain_that_had_its_turn_makes_room_when_others_are_kept_waiting",),
    ),
    Mutation(
        "rejecting keys that nothing can store",
        ("6.5",),
        "sync_pipeline/delivery/sound_keys.py",
        {"item if _is_sound(item.key) else _rejected(item)": "item"},
        ("delivery/test_sound_keys.py::test_record_with_an_odd_key_is_a_dead_letter_and_the_others_are_written",),
    ),
    Mutation(
        "reaping others while a row is locked",
        ("6.6",),
        QUEUE,
        {".with_for_update(skip_locked=True)": ".with_for_update()"},
        ("batches/test_ledger.py::test_row_that_somebody_holds_locked_delays_no_other",),
    ),
)
