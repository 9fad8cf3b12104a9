"""Invariant 1: nothing is lost."""

from __future__ import annotations

from sync_pipeline_tests.mutations.mutation import Mutation

BULK = "sync_pipeline/connectors/elasticsearch/bulk.py"
LEDGER = "sync_pipeline/batches/ledger.py"
QUEUE = "sync_pipeline/batches/queue.py"
RUNS = "sync_pipeline/dagster_runs.py"

MUTATIONS = (
    Mutation(
        "the conditions on which a batch is claimed",
        ("1.2",),
        LEDGER,
        {
            "                    SyncBatch.status.in_(status_before(Event.CLAIM)),\n": "",
            "                    or_(SyncBatch.dagster_run_id.is_(None), SyncBatch.dagster_run_id == run_id),\n": "",
        },
        ("batches/test_ledger.py::test_of_many_claimers_at_once_one_wins",),
    ),
    Mutation(
        "the look at the index after a bulk request",
        ("1.3",),
        BULK,
        {"made = await was_made(self.cluster.client, self.index)": "made = True"},
        ("connectors/elasticsearch/test_bulk_faults.py::test_nothing_is_acknowledged_before_the_index_was_seen",),
    ),
    Mutation(
        "counting the answers to a bulk request",
        ("1.3",),
        BULK,
        {
            "if len(items) != len(operations) or not all(items):": "if not items:",
            "zip(operations, items, strict=True)]": "zip(operations, items) if item]",
        },
        ("connectors/elasticsearch/test_bulk_faults.py::test_a_chunk_without_a_whole_answer_may_be_sent_again",),
    ),
    Mutation(
        "the reaper's look for batches whose run is silent",
        ("1.4",),
        QUEUE,
        {"select(SyncBatch).where(or_(silent, abandoned))": "select(SyncBatch).where(abandoned)"},
        ("batches/test_ledger.py::test_the_reaper_fails_silent_batches_and_frees_their_lanes",),
    ),
    Mutation(
        "freeing the lanes of a batch that ended",
        ("1.4",),
        LEDGER,
        {
            "update(ScopeLock).where(ScopeLock.holder == lane_holder(row))": (
                "update(ScopeLock).where(ScopeLock.holder == '')"
            )
        },
        ("pipelines/store_search/test_batch_rules.py::test_a_killed_runs_batch_is_closed_and_its_lane_is_free",),
    ),
    Mutation(
        "closing the batch of a run that Dagster reports dead",
        ("1.4",),
        RUNS,
        {"    batch = ledger.of_run(run.run_id)\n    if batch is None:\n": "    batch = None\n    if batch is None:\n"},
        ("pipelines/store_search/test_batch_rules.py::test_a_killed_runs_batch_is_closed_and_its_lane_is_free",),
    ),
)
