"""Invariant 1: nothing is lost."""

from __future__ import annotations

from sync_pipeline_tests.mutations.mutation import Mutation

BULK = "sync_pipeline/connectors/elasticsearch/bulk.py"
LEDGER = "sync_pipeline/batches/ledger.py"
QUEUE = "sync_pipeline/batches/queue.py"
RECONCILIATION = "sync_pipeline/orchestration/reconciliation.py"
GROUP_COMMIT = "sync_pipeline/api/bigcommerce/group_commit.py"
WEBHOOK_EVENTS = "sync_pipeline/pipelines/store_search/events/inbox.py"

RECONCILED = "orchestration/test_reconciliation.py"
ACKNOWLEDGING = "api/bigcommerce/test_acknowledging.py"

MUTATIONS = (
    Mutation(
        "waiting for an event's commit before it is acknowledged",
        ("1.1",),
        GROUP_COMMIT,
        {"                return await stored\n": "                return True\n"},
        (f"{ACKNOWLEDGING}::test_nothing_is_acknowledged_before_its_commit",),
    ),
    Mutation(
        "acknowledging events before the commit of a receiver that is killed",
        ("1.1",),
        GROUP_COMMIT,
        {
            "        events = [event for event, _ in group]\n": (
                "        events = [event for event, _ in group]\n"
                "        for _, stored in group:\n"
                "            stored.set_result(True)\n"
            )
        },
        (f"{ACKNOWLEDGING}::test_every_event_acknowledged_by_a_receiver_that_is_killed_is_stored",),
    ),
    Mutation(
        "telling the requests of a group that failed",
        ("1.1",),
        GROUP_COMMIT,
        {"stored.set_exception(NotStoredError(reason))": "stored.set_result(True)"},
        (f"{ACKNOWLEDGING}::test_a_group_that_fails_is_not_acknowledged_and_the_next_is_stored",),
    ),
    Mutation(
        "storing an event whose like was claimed already",
        ("1.1",),
        WEBHOOK_EVENTS,
        {
            "JOIN sync_pipeline.stores ON stores.hash = event.store_hash\n": (
                "JOIN sync_pipeline.stores ON stores.hash = event.store_hash\n"
                "    WHERE NOT EXISTS (SELECT FROM sync_pipeline.webhook_events AS known\n"
                "        WHERE known.hash = event.hash AND known.state <> 'waiting')\n"
            ),
        },
        ("api/bigcommerce/test_receiver.py::test_a_delivery_after_the_claim_is_an_event_of_its_own",),
    ),
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
        {"select(SyncBatch).where(or_(SILENT, abandoned))": "select(SyncBatch).where(abandoned)"},
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
        ("orchestration/test_reconciliation.py::test_dead_run_closes_its_batch_as_lost_and_frees_its_lane",),
    ),
    Mutation(
        "closing the batch of a run that Dagster reports dead",
        ("1.4",),
        RECONCILIATION,
        {"        batches = with_runs(self.ledger, self.pipelines)\n": "        batches = []\n"},
        ("orchestration/test_reconciliation.py::test_dead_run_closes_its_batch_as_lost_and_frees_its_lane",),
    ),
    Mutation(
        "taking a terminated run's batch for cancelled",
        ("1.6",),
        RECONCILIATION,
        {"        return CANCELLED\n": "        return INTERRUPTED\n"},
        ("orchestration/test_reconciliation.py::test_terminated_run_that_claimed_nothing_cancels_its_batch",),
    ),
    Mutation(
        "ending the run of an attempt that is over",
        ("1.6",),
        "sync_pipeline/orchestration/superseded.py",
        {"    return kind if ledger.clock.now() - row.finished_at >= by_itself else None\n": ""},
        ("orchestration/test_reconciliation.py::test_run_of_a_command_that_was_killed_is_ended_after_a_minute",),
    ),
    Mutation(
        "waiting for earlier runs before a retry",
        ("1.7",),
        RECONCILIATION,
        {"        if any(record.dagster_run.status in IN_FLIGHT for record in records):\n": "        if False:\n"},
        ("orchestration/test_reconciliation.py::test_batch_is_not_started_again_while_an_earlier_run_may_work",),
    ),
    Mutation(
        "the process that alone may execute a batch's run",
        ("1.2",),
        "sync_pipeline/batches/parts.py",
        {"if batch.executor not in {None, str(Executor.this())}:": "if False:"},
        ("batches/test_parts.py::test_second_process_of_a_run_does_nothing",),
    ),
    Mutation(
        "ending a silent process before its run",
        ("1.7",),
        "sync_pipeline/orchestration/ending.py",
        {"return process.kill() and mark_canceled(": "return mark_canceled("},
        (f"{RECONCILED}::test_frozen_process_of_a_lost_batch_is_gone_before_its_run",),
    ),
    Mutation(
        "ending the process of a run that Dagster holds for failed",
        ("1.7",),
        RECONCILIATION,
        {"            executor.kill()\n": "            pass\n"},
        (f"{RECONCILED}::test_process_of_a_run_that_dagster_holds_for_failed_is_ended",),
    ),
    Mutation(
        "the attempt that a run may claim",
        ("1.2", "1.7"),
        LEDGER,
        {"                    SyncBatch.attempt == (SyncBatch.attempt if attempt is None else attempt),\n": ""},
        ("batches/test_ledger.py::test_run_of_an_earlier_attempt_claims_no_later_one",),
    ),
    Mutation(
        "freeing the events that a dead drain had claimed",
        ("1.4",),
        "sync_pipeline/pipelines/store_search/events/claims.py",
        {"return self._unclaim(_REQUEUE)": "return 0"},
        (
            "pipelines/store_search/events/test_event_claims.py::test_what_a_dead_drain_had_claimed_is_taken_by_the_next",
        ),
    ),
    Mutation(
        "writing what events tell of before they are acknowledged (after it instead)",
        ("1.3",),
        "sync_pipeline/pipelines/store_search/events/drain.py",
        {
            '        message = "see the dead letters"\n': (
                '        message = "see the dead letters"\n'
                "        await asyncio.to_thread(claims.end, group.ends(()), {})\n"
            ),
            "        await asyncio.to_thread(claims.end, ends, {number: message for number, end in ends.items()"
            ' if end == "dead"})\n': "",
        },
        ("pipelines/store_search/events/test_drain.py::test_when_everything_fails_it_is_not_the_events",),
    ),
)
