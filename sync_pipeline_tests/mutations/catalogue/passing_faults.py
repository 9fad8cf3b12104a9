"""Invariant 6: what may pass is tried again, with growing pauses and the service's own."""

from __future__ import annotations

from sync_pipeline_tests.mutations.mutation import Mutation

ANSWERS = "sync_pipeline/connectors/bigcommerce/answers.py"
BUDGET = "sync_pipeline/connectors/bigcommerce/budget.py"
CLIENT = "sync_pipeline/connectors/bigcommerce/client.py"
WRITING = "sync_pipeline/delivery/writing.py"
FAILURES = "sync_pipeline/connectors/elasticsearch/failures.py"
PATIENCE = "sync_pipeline/connectors/elasticsearch/patience.py"
RETRY = "sync_pipeline/backoff.py"

BULK_TESTS = "connectors/elasticsearch/test_bulk_faults.py"
DELIVER_TESTS = "delivery/test_deliver.py"
PATIENCE_TESTS = "connectors/elasticsearch/test_patience.py"
RETRY_TESTS = "test_backoff.py"
CLIENT_TESTS = "connectors/bigcommerce/test_client.py"
WHAT_MAY_PASS = f"{CLIENT_TESTS}::test_what_may_pass_is_tried_again_and_what_cannot_is_final"

MUTATIONS = (
    Mutation(
        "trying a chunk again that was not acknowledged",
        ("6.2",),
        WRITING,
        {"asked, last = error.wait, error": "raise"},
        (f"{DELIVER_TESTS}::test_under_any_passing_faults_the_newest_version_wins_and_the_books_balance",),
    ),
    *(
        Mutation(
            f"trying again after Elasticsearch's {answer}",
            ("6.2",),
            FAILURES,
            {"self.status is None or self.status in {408, 429} or self.status >= 500": retryable},
            (f"{BULK_TESTS}::test_a_chunk_without_a_whole_answer_may_be_sent_again",),
        )
        for answer, retryable in (
            ("408", "self.status is None or self.status == 429 or self.status >= 500"),
            ("429", "self.status is None or self.status == 408 or self.status >= 500"),
            ("5xx", "self.status is None or self.status in {408, 429}"),
            (
                "cut connections and time-outs",
                "self.status is not None and (self.status in {408, 429} or self.status >= 500)",
            ),
        )
    ),
    *(
        Mutation(
            f"trying again after a store's {answer}",
            ("6.2",),
            CLIENT if "out" in answer or "cut" in answer else ANSWERS,
            edits,
            (WHAT_MAY_PASS,),
        )
        for answer, edits in (
            ("408", {"if status >= 500 or status == 408:": "if status >= 500:"}),
            ("5xx", {"if status >= 500 or status == 408:": "if status == 408:"}),
            (
                "time-outs",
                {
                    "raise AttemptError(what, becomes=UnreachableError, overload=True) from error": (
                        "raise UnreachableError(self.store_hash, what) from error"
                    )
                },
            ),
            (
                "cut connections",
                {
                    "raise AttemptError(what, becomes=UnreachableError) from error": (
                        "raise UnreachableError(self.store_hash, what) from error"
                    )
                },
            ),
        )
    ),
    Mutation(
        "asking again after a store's 429",
        ("6.2",),
        CLIENT,
        {"            if response.status_code == 429:\n                raise _SentBackError\n": ""},
        (f"{CLIENT_TESTS}::test_refusals_for_the_quota_do_not_count_as_attempts",),
    ),
    Mutation(
        "making calls to Elasticsearch again that may be repeated",
        ("6.2",),
        PATIENCE,
        {"if answer.meta.status not in statuses and not lacks_shards(answer.body)": "if True"},
        (f"{PATIENCE_TESTS}::test_pauses_grow_and_a_call_is_given_up_after_seven_attempts",),
    ),
    Mutation(
        "making calls to Elasticsearch again whose answers lack shards",
        ("6.2",),
        PATIENCE,
        {" and not lacks_shards(answer.body)": ""},
        ("connectors/elasticsearch/test_shards.py::test_unavailable_shard_is_asked_again",),
    ),
    Mutation(
        "the growth of the pauses between calls to Elasticsearch",
        ("6.2",),
        PATIENCE,
        {"BACKOFF.wait(tried, asked)": "BACKOFF.wait(1, asked)"},
        (f"{PATIENCE_TESTS}::test_pauses_grow_and_a_call_is_given_up_after_seven_attempts",),
    ),
    Mutation(
        "the growth of the pauses between deliveries of a chunk",
        ("6.2",),
        RETRY,
        {"self.first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)": "self.first"},
        (f"{RETRY_TESTS}::test_each_wait_may_be_twice_the_one_before_up_to_a_bound",),
    ),
    Mutation(
        "the growth of the pauses between requests to a store",
        ("6.2",),
        CLIENT,
        {"self._backoff.wait(failures, fault.wait)": "self._backoff.wait(1, fault.wait)"},
        (WHAT_MAY_PASS,),
    ),
    Mutation(
        "chance in the pauses between deliveries of a chunk",
        ("6.2",),
        RETRY,
        {" * (1 - self.jitter + self.jitter * self.random())": ""},
        (f"{RETRY_TESTS}::test_two_that_failed_together_do_not_come_back_together",),
    ),
    Mutation(
        "keeping a destination's own waiting time",
        ("6.3",),
        RETRY,
        {", asked or 0.0)": ", 0.0)"},
        (f"{RETRY_TESTS}::test_the_services_own_waiting_time_is_never_cut_short",),
    ),
    Mutation(
        "handing a destination's own waiting time on",
        ("6.3",),
        WRITING,
        {"self.delivery.backoff.wait(tried, asked)": "self.delivery.backoff.wait(tried)"},
        (f"{DELIVER_TESTS}::test_the_services_own_waiting_time_is_kept",),
    ),
    Mutation(
        "reading Elasticsearch's own waiting time",
        ("6.3",),
        FAILURES,
        {'wait=seconds(error.meta.headers.get("retry-after"))': "wait=None"},
        (f"{BULK_TESTS}::test_the_servers_own_waiting_time_is_handed_on",),
    ),
    Mutation(
        "keeping Elasticsearch's own waiting time between calls",
        ("6.3",),
        PATIENCE,
        {"BACKOFF.wait(tried, asked)": "BACKOFF.wait(tried)"},
        (f"{PATIENCE_TESTS}::test_the_servers_own_waiting_time_is_kept",),
    ),
    Mutation(
        "keeping a store's own waiting time",
        ("6.3",),
        CLIENT,
        {"pause = self._backoff.wait(failures, fault.wait)": "pause = self._backoff.wait(failures)"},
        (f"{CLIENT_TESTS}::test_the_services_own_waiting_time_is_kept",),
    ),
    Mutation(
        "waiting until a store's quota is full again",
        ("6.3",),
        BUDGET,
        {"pause = max(limit.reset or 0.0, limit.retry_after or 0.0)": "pause = 0.0"},
        (f"{CLIENT_TESTS}::test_refusals_for_the_quota_do_not_count_as_attempts",),
    ),
)
